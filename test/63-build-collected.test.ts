// A collection that goes on beside a build takes nothing of what the build makes.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { until } from './support/until.ts'

const scratch = new Scratch('build-collected')

it('what is made under another name, because the item is there, is not junk', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'bare', {
    args: ['--disable-chroot'],
  })
  const gate = scratch.file('gate')
  const made = await derivations.make('checked', {
    script: `echo good > $out; if [ -p ${gate} ]; then echo waiting; read x < ${gate}; fi`,
  })
  await setOptions(client)
  await build(client, made.drv)
  execFileSync('mkfifo', [gate])
  client.log = ''
  client.onNext = (bytes) => (client.log += bytes.toString())
  const checking = build(client, made.drv, 'check')
  const failed = checking.catch((error: unknown) => error)
  await until(() => client.log.includes('waiting\n'))
  const other = await daemon.connect()
  await other.collect(2)
  other.close()
  writeFileSync(gate, 'go\n')
  expect(await failed).not.toBeInstanceOf(Error)
  expect(readFileSync(made.out, 'utf8')).toBe('good\n')
})

it('what an earlier build of the same has left is gone before the next begins', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'left')
  await setOptions(client)
  const made = await derivations.make('again', { script: 'echo good > $out' })
  const left = `${made.drv}.chroot`
  for (let index = 0; index < 40_000; index++) {
    const folder = `${left}/store/${index % 200}`
    if (index < 200) mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/${index}`, '')
  }
  symlinkSync(await client.addText('keeper', 'keeper', [made.drv]), `${daemon.state}/gcroots/keeper`)
  // Its own roots would keep what is beside them.
  client.close()
  const [collector, builder] = [await daemon.connect(), await daemon.connect()]
  await setOptions(collector, { verbosity: 1 })
  await setOptions(builder)
  collector.onNext = (bytes) => (collector.log += bytes.toString())
  const collecting = collector.collect(2)
  await until(() => collector.log.includes(`deleting '${left}'`))
  await build(builder, made.drv)
  await collecting
  expect([readFileSync(made.out, 'utf8'), existsSync(left)]).toEqual(['good\n', false])
  for (const each of [builder, collector]) each.close()
})
