// @needs-root: users with sudo rights, an sshd
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { script, site, snapshot } from '../bench/w100-site.mjs'
import { ConnectionProxy } from './support/proxy.ts'
import { Scratch } from './support/scratch.ts'
import { exited, finish, recordsOf, shell, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { until } from './support/until.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('propapply')
const sshd = await startSshd(scratch)
const user = makeUser(scratch, { sudoers: 'USER ALL=(ALL:ALL) NOPASSWD: ALL' })
const ssh = (...hosts: string[]) => {
  for (const host of hosts) sshd.addHost(host, { User: user })
  return `connect ssh -F ${sshd.config} ${hosts.join(' ')}`
}

const writeSite = (name: string, site: readonly object[]) => {
  writeFileSync(scratch.file(name), site.map((each) => `${JSON.stringify(each)}\n`).join(''))
  return scratch.file(name)
}

const owner = { owner: user, group: 'daemon' }

const countsOf = (stdout: string) => recordsOf(stdout).at(-1)?.['counts']
const none = { ok: 0, changed: 0, failed: 0, skipped: 0 }
const temporaries = (directory: string) =>
  readdirSync(directory, { recursive: true }).filter((name) => String(name).includes('.propapply'))

describe('propapply over connect ssh | connect sudo', () => {
  it('makes of a hundred properties what a script makes of them, and the second time nothing', async () => {
    const [tree, made] = [scratch.file('tree'), scratch.file('made')]
    const pipeline = `${ssh('web1')} | connect sudo | propapply ${writeSite('w100.ndjson', site(tree, owner))}`
    mkdirSync(tree)
    const first = await shell(pipeline)
    expect([first.stderr, first.status]).toEqual(['', 0])
    expect(countsOf(first.stdout)).toEqual({ ...none, changed: 100 })
    expect(recordsOf(first.stdout).map(({ type }) => type)).toEqual([
      ...Array<string>(100).fill('property'),
      'end',
    ])
    const second = await shell(pipeline)
    expect([countsOf(second.stdout), second.status]).toEqual([{ ...none, ok: 100 }, 0])
    mkdirSync(made)
    execFileSync('sh', { input: script(made, owner) })
    expect(snapshot(tree)).toBe(snapshot(made))
  })

  it('asks each host for one run, and sudo asks for one to enter and one a command', async () => {
    const hosts = ['count1', 'count2']
    for (const host of hosts) mkdirSync(scratch.file(host))
    const all = hosts.flatMap((host) => site(scratch.file(host), owner).map((each) => ({ ...each, host })))
    const [below, above] = [new ConnectionProxy(scratch), new ConnectionProxy(scratch)]
    const logins = startShell(`exec ${ssh(...hosts)}`)
    const sudos = startShell('exec connect sudo', { input: below.filter(logins) })
    const propapply = startShell(`exec propapply ${writeSite('counted.ndjson', all)}`, {
      input: above.filter(sudos),
    })
    const { stdout, status } = await finish(propapply)
    expect([countsOf(stdout), status]).toEqual([{ ...none, changed: 200 }, 0])
    expect(above.requests).toEqual({ count1: ['run'], count2: ['run'] })
    expect(below.requests).toEqual({ count1: ['run', 'run'], count2: ['run', 'run'] })
    await Promise.all([exited(logins), exited(sudos)])
  })

  it('leaves nine hosts done when the tenth fails', async () => {
    const hosts = Array.from({ length: 10 }, (_, index) => `ten${index}`)
    const root = scratch.file('ten')
    mkdirSync(root)
    const path = writeSite('ten.ndjson', [
      ...hosts.map((host) => ({
        property: 'file.has-content',
        path: `${root}/${host}`,
        content: host,
        host,
      })),
      { property: 'cmd.single', command: 'kill -9 $PPID', host: 'ten3' },
      { property: 'file.has-mode', path: `${root}/none`, mode: '0644', host: 'ten4' },
    ])
    const { stdout, status } = await shell(`${ssh(...hosts)} | connect sudo | propapply ${path}`)
    expect(status).toBe(1)
    expect(readdirSync(root).sort()).toEqual(hosts)
    expect(countsOf(stdout)).toEqual({ ...none, changed: 10, failed: 2 })
  })

  it('says which host a connection was lost to, and skips the rest there', async () => {
    const started = scratch.file('started')
    const path = writeSite('lost.ndjson', [
      { property: 'cmd.single', command: `echo $PPID >${started}; sleep 60` },
      { property: 'cmd.single', command: 'true' },
    ])
    execFileSync('mkfifo', ['-m', '666', started])
    const child = startShell(`${ssh('gone')} | propapply ${path}`)
    await readFile(started)
    // The sshd of this session, not the one that listens.
    const session = execFileSync('pgrep', ['-u', user, '-f', `sshd: ${user}@`])
      .toString()
      .trim()
      .split('\n')
    for (const pid of session) process.kill(Number(pid), 'SIGKILL')
    const { stdout, status } = await finish(child)
    const records = recordsOf(stdout)
    expect(status).toBe(1)
    expect(records).toMatchObject([
      { type: 'property', host: 'gone', result: 'failed' },
      { type: 'property', host: 'gone', result: 'skipped' },
      { type: 'error', host: 'gone', code: 'CONNECTION_LOST', retryable: true },
      { type: 'end', ok: false },
    ])
  })
})

describe('propapply', () => {
  const touch = (name: string) =>
    writeSite(`${name}.ndjson`, [{ property: 'cmd.single', command: `touch ${scratch.file(name)}` }])

  it.each([
    ['cut', 'connect local --linger 0 | head -c 30'],
    ['empty', 'true'],
    ['endless', 'connect local | grep -v end'],
  ])('applies nothing anywhere when its upstream died: %s', async (name, upstream) => {
    const { stdout, status } = await shell(`${upstream} | propapply ${touch(name)}`)
    expect(status).toBe(65)
    expect(recordsOf(stdout)).toEqual([{ type: 'end', tool: 'propapply', ok: false, counts: none }])
    expect(existsSync(scratch.file(name))).toBe(false)
  })

  it('passes on what it does not know, and an error upstream makes it fail', async () => {
    const records = [
      '{"type":"note","n":1}',
      '{"type":"error","tool":"x","code":"Y","message":"m","retryable":false}',
    ]
    const input = `${records.join('\n')}\n{"type":"end","tool":"x","ok":false,"counts":{}}\n`
    const { stdout, status } = await shell(`propapply ${touch('passed')}`, { input })
    expect(stdout.split('\n').slice(0, 2)).toEqual(records)
    expect(status).toBe(1)
  })

  it('checks the whole site before it uses a connection', async () => {
    const path = writeSite('bad.ndjson', [
      { property: 'cmd.single', command: `touch ${scratch.file('bad')}` },
      { property: 'file.has-mode', path: '/x', mode: 644 },
    ])
    // Whoever would serve it for an hour must not wait for it.
    const { stdout, stderr, status } = await shell(`connect local --linger 1h | propapply ${path}`)
    expect([stdout, status]).toEqual(['', 65])
    expect(stderr).toContain('bad.ndjson, line 2: field "mode"')
    expect(existsSync(scratch.file('bad'))).toBe(false)
  })

  it.each(['TERM', 'INT', 'HUP'])('stops at SIG%s, ends its stream and its commands', async (signal) => {
    const fifo = scratch.file(`fifo-${signal}`)
    execFileSync('mkfifo', [fifo])
    const path = writeSite('signal.ndjson', [
      { property: 'cmd.single', command: `echo $$ >${fifo}; exec sleep 60` },
      { property: 'cmd.single', command: 'true' },
    ])
    const child = startShell(`exec propapply -n ${path}`)
    const pid = Number(await readFile(fifo, 'utf8'))
    process.kill(child.pid ?? 0, `SIG${signal}`)
    const { stdout, signal: ended } = await finish(child)
    expect(ended).toBe(`SIG${signal}`)
    expect(recordsOf(stdout).at(-1)).toMatchObject({
      type: 'end',
      ok: false,
      counts: { failed: 1, skipped: 1 },
    })
    expect(() => process.kill(pid, 0)).toThrow()
  })

  it('killed with SIGKILL in the middle of a file leaves the old one and nothing beside it', async () => {
    const directory = scratch.file('killed')
    mkdirSync(directory)
    writeFileSync(`${directory}/f`, 'old')
    const large = scratch.file('large')
    writeFileSync(large, Buffer.alloc(4_000_000, 'x'))
    const path = writeSite('killed.ndjson', [
      { property: 'file.uploaded', path: `${directory}/f`, source: large },
    ])
    const proxy = new ConnectionProxy(scratch)
    const held = new Promise((resolve) => (proxy.onRelay = (relay) => resolve(relay.hold(1_000_000))))
    const upstream = startShell('exec connect local')
    const child = startShell(`exec propapply ${path}`, { input: proxy.filter(upstream) })
    await held
    // The far side waits for the rest.
    await until(() => temporaries(directory).length > 0)
    child.kill('SIGKILL')
    await Promise.all([finish(child), exited(upstream)])
    await until(() => temporaries(directory).length === 0)
    expect(readFileSync(`${directory}/f`, 'utf8')).toBe('old')
    expect(readdirSync(directory)).toEqual(['f'])
  })

  it('leaves the old file and nothing beside it on a full disk', async () => {
    const disk = scratch.file('disk')
    mkdirSync(disk)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    scratch.onEnd(() => void execFileSync('umount', [disk]))
    writeFileSync(`${disk}/f`, 'old\n')
    writeFileSync(`${disk}/filler`, Buffer.alloc(48 * 1024))
    const content = 'x'.repeat(60_000)
    const path = writeSite('full.ndjson', [
      { property: 'file.has-content', path: `${disk}/f`, content },
      { property: 'file.has-content', path: `${disk}/f`, content: content.repeat(10) },
      { property: 'file.contains-lines', path: `${disk}/f`, lines: [content] },
      { property: 'file.is-copy-of', path: `${disk}/f`, source: makeSource() },
    ])
    const { stdout, status } = await shell(`propapply -n ${path}`)
    expect([countsOf(stdout), status]).toEqual([{ ...none, failed: 4 }, 1])
    expect(recordsOf(stdout)[0]?.['message']).toContain('could not be written and is as it was')
    expect(readFileSync(`${disk}/f`, 'utf8')).toBe('old\n')
    expect(readdirSync(disk).sort()).toEqual(['f', 'filler'])
  })

  const makeSource = () => {
    const path = scratch.file('copy-source')
    writeFileSync(path, Buffer.alloc(100_000))
    return path
  }

  it('reads a site on standard input and applies it here', async () => {
    const input = `${JSON.stringify({ property: 'file.has-content', path: scratch.file('stdin'), content: 'x' })}\n`
    const { stdout, status } = await shell('propapply -', { input })
    expect([countsOf(stdout), status]).toEqual([{ ...none, changed: 1 }, 0])
  })

  it('shows lines to a person, in colour unless NO_COLOR', async () => {
    const path = scratch.file('tty')
    const one = `propapply -n -p 'file.has-content path=${path} content=x' --diff --check`
    const colour = await shell(`script -qec "${one}" /dev/null`, { env: { TERM: 'xterm' } })
    expect(colour.stdout).toContain('\u001b[33mchanged')
    expect(colour.stdout).toContain('1 changed')
    const plain = await shell(`script -qec "${one}" /dev/null`, { env: { TERM: 'xterm', NO_COLOR: '1' } })
    expect(plain.stdout).toContain('changed')
    expect(plain.stdout).not.toContain('\u001b[')
  })

  it('removes with --unapply, last first', async () => {
    const root = scratch.file('undo')
    const path = writeSite('undo.ndjson', [
      { property: 'file.directory-exists', path: root },
      { property: 'file.exists-with-content', path: `${root}/f`, content: 'x' },
      { property: 'file.symlinked', path: `${root}/l`, target: 'f' },
    ])
    expect(countsOf((await shell(`propapply -n ${path}`)).stdout)).toEqual({ ...none, changed: 3 })
    expect(countsOf((await shell(`propapply -n --unapply ${path}`)).stdout)).toEqual({ ...none, changed: 3 })
    expect(existsSync(root)).toBe(false)
    rmSync(root, { recursive: true, force: true })
  })
})
