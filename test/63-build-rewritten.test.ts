// Without a sandbox, what is built again beside an item is told other names, which are put right afterwards.
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, it } from 'vitest'
import { startBuildDaemon, type BuildDaemon } from './support/build-daemon.ts'
import { build, failure, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'

const scratch = new Scratch('build-rewritten')
const args = ['--disable-chroot']

/** Nothing but items and what belongs to the store. */
const leftovers = ({ daemon }: BuildDaemon) =>
  readdirSync(daemon.store).filter((name) => /unpack|old|lock|chroot/.test(name))

it('puts its own names right in contents, links and file names, in canonical form', async () => {
  const bare = await startBuildDaemon(scratch, 'names', { args })
  const { client, derivations } = bare
  await setOptions(client)
  const made = await derivations.make('self', {
    outputs: ['out', 'doc'],
    script: `/bin/mkdir -p $out/closed $doc
      echo $out $doc > $out/contents; /bin/ln -s $out/contents $out/link
      echo > $out/\${out##*/}; echo $doc > $doc/own
      echo run > $out/run; /bin/chmod 4711 $out/run; /bin/chmod 0 $out/closed`,
  })
  await build(client, made.drv)
  await build(client, made.drv, 'check')
  const doc = made.outputs['doc'] ?? ''
  const contents = `${made.out}/contents`
  lstatSync(contents)
  writeFileSync(`${made.out}/run`, 'other')
  await build(client, made.drv, 'repair')
  expect(readFileSync(contents, 'utf8')).toBe(`${made.out} ${doc}\n`)
  expect(readlinkSync(`${made.out}/link`)).toBe(contents)
  expect(readdirSync(made.out).sort()).toEqual(
    [basename(made.out), 'closed', 'contents', 'link', 'run'].sort(),
  )
  const { mode, mtimeMs } = lstatSync(`${made.out}/run`)
  expect([mode & 0o7777, mtimeMs, lstatSync(`${made.out}/closed`).mode & 0o7777]).toEqual([
    0o555, 1000, 0o555,
  ])
  expect(await client.verify(true)).toBe(false)
  expect(leftovers(bare)).toEqual([])
})

it('loses nothing where two files would get one name', async () => {
  const bare = await startBuildDaemon(scratch, 'one-name', { args })
  const { client, derivations } = bare
  await setOptions(client)
  const real = scratch.file('real')
  const made = await derivations.make('twice', {
    script: `/bin/mkdir $out; echo one > $out/\${out##*/}
      if [ -e ${real} ]; then read name < ${real}; echo two > $out/$name; echo three > $out/zzz; fi`,
  })
  await build(client, made.drv)
  writeFileSync(real, `${basename(made.out)}\n`)
  const { message } = await failure(build(client, made.drv, 'check'))
  expect(message + client.log).toContain('File exists')
  expect(leftovers(bare)).toEqual([])
})

it('looks at what has been built as closely as the first time', async () => {
  const bare = await startBuildDaemon(scratch, 'closely', { args })
  const { client, derivations } = bare
  await setOptions(client)
  const flag = scratch.file('open')
  const made = await derivations.make('open', {
    script: `if [ -e ${flag} ]; then umask 0; fi; echo good > $out`,
  })
  await build(client, made.drv)
  mkdirSync(flag)
  const { message } = await failure(build(client, made.drv, 'check'))
  expect(message + client.log).toContain('suspicious ownership or permission')
})
