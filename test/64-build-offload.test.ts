// The conversation with an offload hook, as guix-daemon has it: a hook of a test's own declines, takes, and fails builds.
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, failure, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { root } from './support/shell.ts'

const scratch = new Scratch('offload')
const hook = scratch.file('guix')
const heard = scratch.file('heard')

// It builds by writing the output and the database itself, as Guix's hook does at the end.
const source = `#!${process.execPath}
const { appendFileSync, readSync, writeSync, writeFileSync, chmodSync } = require('node:fs')
const hear = (text) => appendFileSync(process.env.HEARD, text)
hear(process.argv.slice(2).join(' ') + '\\n')
let rest = ''
const line = () => {
  while (!rest.includes('\\n')) {
    const block = Buffer.alloc(4096)
    const count = readSync(0, block)
    if (count === 0) process.exit(0)
    rest += block.toString('utf8', 0, count)
  }
  const end = rest.indexOf('\\n')
  const found = rest.slice(0, end + 1)
  rest = rest.slice(end + 1)
  hear(found)
  return found
}
const postponed = new Set()
for (;;) {
  const request = line()
  const name = /-(\\w+)\\.drv/.exec(request)[1]
  if (name === 'later' && !postponed.has(name)) {
    postponed.add(name)
    writeSync(1, '# postpone\\n')
  } else if (name === 'here') {
    writeSync(1, 'no machine for it\\n# decline\\n')
  } else {
    writeSync(1, '# accept\\n')
    line()
    const [out] = line().trim().split(' ')
    writeSync(4, 'built elsewhere\\n')
    if (name === 'wrong') process.exit(100)
    if (name === 'slow') process.exit(101)
    if (name === 'broken') process.exit(5)
    writeFileSync(out, 'elsewhere')
    chmodSync(out, 0o444)
    const Database = require('${root}/node_modules/better-sqlite3')
    const nativeBinding = '${root}/packages/store-daemon/dist/sqlite-abi' + process.versions.modules + '.node'
    new Database(process.env.STATE + '/db/db.sqlite', { timeout: 5000, nativeBinding })
      .prepare("insert into ValidPaths (path, hash, registrationTime, narSize) values (?, ?, 1, 120)")
      .run(out, 'sha256:' + '0'.repeat(64))
    process.exit(0)
  }
}
`

writeFileSync(hook, source)
chmodSync(hook, 0o755)
const { daemon, client, derivations } = await startBuildDaemon(scratch, 'main', {
  env: { GUIX: hook, HEARD: heard, STATE: scratch.file('main/state') },
})
await setOptions(client, { offload: true, settings: { 'build-poll-interval': '0' } })

const make = (name: string, env: Record<string, string> = {}) =>
  derivations.make(name, { script: 'echo here; echo -n here > $out', env })

describe('an offload hook', () => {
  it('may decline, postpone, and accept', async () => {
    const here = await make('here', { requiredSystemFeatures: 'kvm big' })
    const later = await make('later')
    writeFileSync(heard, '')
    client.log = ''
    await build(client, [here.drv, later.drv])
    expect(readFileSync(here.out, 'utf8')).toBe('here')
    expect(readFileSync(later.out, 'utf8')).toBe('elsewhere')
    expect(client.log).toContain('no machine for it\n')
    expect(client.log).toContain('built elsewhere\n')
    expect(client.log).toMatch(new RegExp(`@ build-started ${later.drv} - x86_64-linux .* \\d+\n`))
    const [start, ...lines] = readFileSync(heard, 'utf8').split('\n')
    expect(start).toBe('offload x86_64-linux 0 1 0')
    expect(lines).toContain(`1 x86_64-linux ${here.drv} kvm,big`)
    expect(lines.filter((line) => line.endsWith(`${later.drv} `))).toHaveLength(2)
    expect(lines.at(-2)).toBe(`${later.out} `)
    expect(lines.at(-3)?.split(' ')).toEqual(expect.arrayContaining([await derivations.bash()]))
  })

  it('may fail, each in its own way', async () => {
    const [wrong, slow, broken] = [await make('wrong'), await make('slow'), await make('broken')]
    client.log = ''
    expect((await failure(build(client, wrong.drv))).status).toBe(100)
    expect((await failure(build(client, slow.drv))).status).toBe(101)
    expect(client.log).toContain(`@ build-failed ${slow.drv} - timeout`)
    expect((await failure(build(client, broken.drv))).status).toBe(1)
    expect(client.log).toContain(`@ hook-failed ${broken.drv} - 5 `)
    expect(existsSync(wrong.out)).toBe(false)
  })

  it('is not asked about what is better done here, nor where it is not wanted', async () => {
    writeFileSync(heard, '')
    const local = await make('local', { preferLocalBuild: '1' })
    await build(client, local.drv)
    const other = await daemon.connect()
    await setOptions(other)
    const plain = await make('plain')
    await build(other, plain.drv)
    other.close()
    expect(readFileSync(local.out, 'utf8')).toBe('here')
    expect(readFileSync(plain.out, 'utf8')).toBe('here')
    expect(readFileSync(heard, 'utf8')).toBe('')
  })
})
