// Builders that want more than they should have: what each gets to see and do, in every kind of isolation, and that
// the store is true afterwards.
import { createServer } from 'node:net'
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import {
  build,
  buildUsers,
  type Derivations,
  failure,
  setOptions,
  withBuildUsers,
  type Recipe,
} from './support/build.ts'
import { findProcesses } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import type { StoreOptions, TestStore } from './support/store.ts'
import type { WireClient } from './support/wire.ts'

const scratch = new Scratch('hostile')
const nobody = buildUsers.gid + 5

function asNobody(name: string): StoreOptions {
  const folder = scratch.file(name)
  mkdirSync(folder)
  chownSync(folder, nobody, nobody)
  return {
    prefix: ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'],
    env: { HOME: folder },
  }
}

const kinds: { name: string; sandbox: boolean; uid: number; options: () => StoreOptions }[] = [
  { name: 'root', sandbox: true, uid: 0, options: () => ({}) },
  {
    name: 'build-users',
    sandbox: true,
    uid: buildUsers.uids[0] ?? 0,
    options: () => withBuildUsers(scratch),
  },
  { name: 'rootless', sandbox: true, uid: 30001, options: () => asNobody('rootless') },
  {
    name: 'no-sandbox',
    sandbox: false,
    uid: buildUsers.uids[0] ?? 0,
    options: () => {
      const { prefix = [], args = [] } = withBuildUsers(scratch)
      return { prefix, args: [...args, '--disable-chroot'] }
    },
  },
]

describe.skipIf(process.getuid?.() !== 0).each(kinds)('$name', ({ name, sandbox, uid, options }) => {
  let daemon: TestStore
  let client: WireClient
  let derivations: Derivations
  let port = 0
  const server = createServer((socket) => socket.destroy())

  beforeAll(async () => {
    ;({ daemon, client, derivations } = await startBuildDaemon(scratch, name, options()))
    await setOptions(client)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    port = address !== null && typeof address === 'object' ? address.port : 0
  })
  afterAll(() => void server.close())

  const make = (what: string, recipe: Recipe | string) =>
    derivations.make(what, typeof recipe === 'string' ? { script: recipe } : recipe)
  /** The lines that a builder writes to its output. */
  const linesOf = async (what: string, recipe: Recipe | string) => {
    const made = await make(what, recipe)
    await build(client, made.drv)
    return readFileSync(made.out, 'utf8').trimEnd().split('\n')
  }
  /** How it fails; nothing of it may be left. */
  const refusal = async (what: string, recipe: Recipe | string) => {
    const made = await make(what, recipe)
    client.log = ''
    const { message, status } = await failure(build(client, made.drv))
    expect(message).toBe(`build of \`${made.drv}' failed`)
    expect(await client.isValid(made.out)).toBe(false)
    for (const path of Object.values(made.outputs)) expect(existsSync(path)).toBe(false)
    expect(existsSync(`${made.drv}.chroot`)).toBe(false)
    return { status, log: client.log.replaceAll(made.out, 'OUT').replaceAll(made.drv, 'DRV') }
  }

  it('is who it is said to be, and has the variables it should have', async () => {
    const lines = await linesOf('identity', {
      script: 'for v in ${!NIX*} ${!T*} PATH HOME PWD FOO UID; do echo "$v=${!v}"; done > $out',
      env: { FOO: 'a b', NIX_BUILD_CORES: '7', TMPDIR: '/elsewhere' },
    })
    const inside = sandbox
      ? '/tmp/guix-build-identity.drv-0'
      : expect.stringMatching(/guix-build-identity.drv-\d+$/)
    expect(Object.fromEntries(lines.map((line) => line.split('=', 2)))).toEqual({
      NIX_BUILD_CORES: '7',
      NIX_BUILD_TOP: inside,
      NIX_STORE: daemon.store,
      TEMP: inside,
      TEMPDIR: inside,
      TERM: 'dumb',
      TMP: inside,
      TMPDIR: inside,
      PATH: '/path-not-set',
      HOME: '/homeless-shelter',
      PWD: inside,
      FOO: 'a b',
      UID: String(uid),
    })
  })

  it.runIf(sandbox)('sees its inputs and nothing else of the machine', async () => {
    const made = await make(
      'surroundings',
      'echo /* > $out; echo $NIX_STORE/* >> $out; echo /dev/* /etc/* >> $out',
    )
    await client.addText('not-an-input', 'secret')
    await build(client, made.drv)
    const [top = '', items = '', rest] = readFileSync(made.out, 'utf8').split('\n')
    expect(top.split(' ')).toEqual(expect.arrayContaining(['/dev', '/etc', '/proc', '/tmp']))
    expect(top).not.toMatch(/home|root|usr|bin|var/)
    const inputs = [await derivations.bash(), await derivations.tool(), made.out]
    const script = items.split(' ').filter((path) => path.endsWith('-builder.sh'))
    expect(items.split(' ').sort()).toEqual([...inputs, ...script].sort())
    expect(rest?.split(' ').filter((path) => path !== '/dev/kvm')).toEqual(
      [
        'fd',
        'full',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ]
        .map((device) => `/dev/${device}`)
        .concat(['/etc/group', '/etc/hosts', '/etc/passwd']),
    )
  })

  it.runIf(sandbox)('writes nowhere but to its output and its directory', async () => {
    const bash = await derivations.bash()
    const before = readFileSync(bash).length
    const lines = await linesOf(
      'outside',
      `try() { (echo x >> $1) 2>/dev/null && echo "$1 written" || echo "$1 refused"; }
       { try /file; try /etc/passwd; try /dev/file; try ${bash}; try $0; try /proc/sys/kernel/hostname
         try $PWD/file; try /tmp/file; $tool chmod 777 ${bash} 2>/dev/null && echo changed || echo kept; } > $out`,
    )
    expect(lines.map((line) => line.split(' ').at(-1))).toEqual(
      ['refused', 'refused', 'refused', 'refused', 'written', 'refused', 'written', 'written', 'kept'].map(
        (word, index) =>
          // $0 of a script given to bash -e is the script in the store.
          index === 4 ? 'refused' : word,
      ),
    )
    expect(readFileSync(bash).length).toBe(before)
    expect(lstatSync(bash).mode & 0o7777).toBe(0o555)
    expect(existsSync('/file')).toBe(false)
  })

  it.runIf(sandbox)('has no network, unless its result is known beforehand', async () => {
    const knock = `(echo > /dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo reached || echo unreachable`
    expect(await linesOf('network', `${knock} > $out`)).toEqual(['unreachable'])
    const hash = '0c4e6a9d4bbd6b5c3c9bb3e8d1c5e3f5c9ae66b6a7ab7c5f6a3b5a7dcb8f6b22'
    const fixed = await make('network-fixed', {
      script: `${knock}; echo wrong > $out`,
      fixed: { algorithm: 'sha256', hash },
    })
    client.log = ''
    expect((await failure(build(client, fixed.drv))).status).toBe(1)
    expect(client.log).toContain('reached\n')
    expect(client.log).toContain(`@ hash-mismatch ${fixed.out} sha256 `)
  })

  it('gets no privileges from set-id files, and leaves none', async () => {
    const made = await make(
      'setuid',
      `$tool mkdir $out; while IFS= read -r l; do echo "$l"; done < $0 > $out/file; $tool chmod 6777 $out/file
       $tool chmod 2755 $out; echo done`,
    )
    await build(client, made.drv)
    expect(lstatSync(`${made.out}/file`).mode & 0o7777).toBe(0o555)
    expect(lstatSync(made.out).mode & 0o7777).toBe(0o555)
    expect(lstatSync(`${made.out}/file`).uid).toBe(lstatSync(daemon.store).uid)
  })

  it('leaves no output that others may write to, nor one that is no file', async () => {
    const writable = await refusal('writable', '$tool mkdir $out; $tool chmod 777 $out')
    const words = "suspicious ownership or permission on `OUT'; rejecting this build output"
    expect(writable.log).toContain(`@ build-failed DRV - 1 ${words}`)
    expect(writable.status).toBe(1)
    for (const kind of ['mkfifo', 'socket']) {
      const special = await refusal(kind, `$tool mkdir $out; cd $out; $tool ${kind} x`)
      expect(special.log).toMatch(/file ‘[^’]*\/x’ has an unsupported type/)
    }
    const device = await make('device', '$tool mkdir $out; $tool mknod $out/null 2>&1')
    expect((await failure(build(client, device.drv))).status).toBe(name === 'root' || uid !== 0 ? 100 : 1)
  })

  it('leaves no process, whatever it ignores', async () => {
    const marker = `${name}-deaf`
    await linesOf('daemons', `for i in 1 2 3; do $tool daemon ${marker}; done; echo done > $out`)
    expect(findProcesses(marker)).toEqual([])
  })

  it('is judged by its status, its signal, and its output', async () => {
    const exit = await refusal('exit', 'echo about to fail; exit 3')
    expect(exit.status).toBe(100)
    expect(exit.log).toContain(
      "\nabout to fail\nbuilder for `DRV' failed with exit code 3\n@ build-failed DRV - 1 builder",
    )
    // The first process of a namespace is deaf to what its own ask of it.
    const signal = await refusal('signal', sandbox ? '(kill -SEGV $BASHPID)' : 'kill -SEGV $BASHPID')
    const words = sandbox ? 'with exit code 139' : 'due to signal 11 (Segmentation fault)'
    expect(signal.log).toContain(`builder for \`DRV' failed ${words}`)
    const missing = await refusal('missing', 'echo nothing')
    expect(missing.status).toBe(1)
    expect(missing.log).toContain("builder for `DRV' failed to produce output path `OUT'")
    const unstarted = await refusal('exec', { script: '', builder: `${daemon.store}/nothing` })
    expect(unstarted.log).toContain('executing `' + daemon.store + "/nothing': no such file or directory")
    const foreign = await refusal('foreign', { script: 'echo x > $out', system: 'x86_64-gnu' })
    expect(foreign.log).toContain('@ unsupported-platform DRV x86_64-gnu')
    expect(foreign.log).toContain("@ build-failed DRV - 0 a `x86_64-gnu' is required")
  })

  it('is checked without touching what is there', async () => {
    const made = await make('self', 'echo "$out is mine" > $out')
    await build(client, made.drv)
    const { ino } = lstatSync(made.out)
    await build(client, made.drv, 'check')
    expect(lstatSync(made.out).ino).toBe(ino)
    const differs = await make('differs', 'echo $out $RANDOM$RANDOM > $out')
    await build(client, differs.drv)
    const before = readFileSync(differs.out, 'utf8')
    const { message } = await failure(build(client, differs.drv, 'check'))
    expect(message).toContain('may not be deterministic')
    expect(readFileSync(differs.out, 'utf8')).toBe(before)
  })

  it('leaves the store as the database says it is', async () => {
    const other = await daemon.connect()
    expect(await other.verify(true)).toBe(false)
    const names = readdirSync(daemon.store).filter(
      (each) => /chroot|lock|tmp/.test(each) && !each.startsWith('.'),
    )
    other.close()
    expect(names).toEqual([])
    expect(
      readdirSync('/tmp').filter((each) => /^guix-build-(identity|outside|daemons|exit)\.drv/.test(each)),
    ).toEqual([])
  })
})
chmodSync(scratch.path, 0o755)
