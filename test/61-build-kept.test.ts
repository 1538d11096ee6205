// What failed builds leave, and clients ask to be kept.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, buildUsers, failure, setOptions, withBuildUsers } from './support/build.ts'
import { openDatabase } from './support/database.ts'
import { Scratch } from './support/scratch.ts'

const scratch = new Scratch('kept')
chmodSync(scratch.path, 0o755)

describe.skipIf(process.getuid?.() !== 0).each(['root', 'rootless'])('%s', (kind) => {
  it('a directory that is kept has no programs that make others the builder', async () => {
    const nobody = buildUsers.gid + 5
    const folder = scratch.file(kind)
    mkdirSync(folder)
    if (kind === 'rootless') chownSync(folder, nobody, nobody)
    const setpriv = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
    const { client, derivations } = await startBuildDaemon(scratch, kind, {
      env: { HOME: folder },
      ...(kind === 'rootless' && { prefix: setpriv }),
    })
    await setOptions(client, { keepFailed: true })
    const made = await derivations.make(`kept-${kind}-${process.pid}`, {
      script: 'echo x > program; $tool chmod 6755 program; $tool mkdir d; $tool chmod 3777 d; exit 1',
    })
    await failure(build(client, made.drv))
    const [, kept = ''] = /note: keeping build directory `(.*)'/.exec(client.log) ?? []
    const modes = ['program', 'd'].map((name) => lstatSync(`${kept}/${name}`).mode & 0o7777)
    rmSync(kept, { recursive: true })
    expect(modes).toEqual([0o755, 0o1777])
  })
})

it('a directory that cannot be kept goes, with all that the build has had', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'taken')
  await setOptions(client, { keepFailed: true })
  const name = `taken-${process.pid}`
  const place = `${tmpdir()}/guix-build-${name}.drv-0`
  mkdirSync(`${place}.pivot/in/the/way`, { recursive: true })
  scratch.onEnd(() => rmSync(`${place}.pivot`, { recursive: true }))
  const made = await derivations.make(name, { script: 'exit 7' })
  expect((await failure(build(client, made.drv))).message).toBe(`build of \`${made.drv}' failed`)
  expect(client.log).toMatch(/cannot keep build directory.*failed with exit code 7/s)
  expect([place, `${made.drv}.chroot`].filter(existsSync)).toEqual([])
  await daemon.stop()
})

it('an output that cannot be registered does not stay in the store', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'unregistered')
  await setOptions(client)
  const made = await derivations.make('unregistered', { script: 'echo made > $out' })
  const database = openDatabase(`${daemon.state}/db/db.sqlite`)
  database.exec(
    `create trigger t before insert on ValidPaths when new.path = '${made.out}' begin select raise(abort, 'full'); end`,
  )
  database.close()
  await failure(build(client, made.drv))
  expect(existsSync(made.out)).toBe(false)
})

it.skipIf(process.getuid?.() !== 0)(
  'what is kept without a sandbox changes no file that it only links to',
  async () => {
    const users = withBuildUsers(scratch, { uids: [64_321], gid: 64_320, group: 'plkept' })
    const { client, derivations } = await startBuildDaemon(scratch, 'linked', {
      ...users,
      args: [...(users.args ?? []), '--disable-chroot'],
    })
    await setOptions(client, { keepFailed: true })
    const [gate, secret] = [scratch.file('gate'), scratch.file('secret')]
    execFileSync('mkfifo', ['-m', '666', gate])
    writeFileSync(secret, '', { mode: 0o600 })
    const made = await derivations.make(`linked-${process.pid}`, {
      script: `$tool mkdir $out; read x < ${gate}; exit 1`,
    })
    const failing = failure(build(client, made.drv))
    // Where links are not protected (proc(5), protected_hardlinks), a builder can do so itself.
    await open(gate, 'w').then(async (file) => {
      linkSync(secret, `${made.out}/link`)
      await file.write('go\n')
      await file.close()
    })
    await failing
    const [, kept = ''] = /note: keeping build directory `(.*)'/.exec(client.log) ?? []
    rmSync(kept, { recursive: true })
    const { mode, uid } = lstatSync(secret)
    expect([mode & 0o7777, uid]).toEqual([0o600, 0])
  },
)
