// @needs-root: users
import { execFileSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { finish, recordsOf, shell, startShell, type TestRecord } from './support/shell.ts'
import { Terminal } from './support/terminal.ts'
import { until } from './support/until.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('by-hand')
const plain = makeUser(scratch)
const nologin = makeUser(scratch, { shell: '/usr/sbin/nologin' })
const fish = makeUser(scratch, { shell: '/usr/bin/fish' })

describe('connect shell', () => {
  it('is a terminal on the far side, with the size of the window here', async () => {
    const terminal = new Terminal(
      `tty; stty rows 33 cols 111; connect su -n ${plain} | connect shell; echo "left $?"`,
    )
    const [outer = ''] = /\/dev\/\S+/.exec(await terminal.see(/\n/)) ?? []
    await terminal.see(/\$ $/)
    terminal.type('echo "<$(id -un) $TERM $(stty size)>"; tty\r')
    expect(await terminal.see(/<.*>\r\n/)).toContain(`<${plain} vt100 33 111>`)
    expect(await terminal.see(/\/dev\/\S+/)).not.toContain(outer)
    terminal.type('sh -c \'trap "echo now; stty size; exit" WINCH; echo set; while :; do sleep 0.1; done\'\r')
    await terminal.see(/\nset/)
    // Both sizes at once would be two signals.
    execFileSync('stty', ['-F', outer, 'cols', '99'])
    expect(await terminal.see(/now\r\n\d+ \d+/)).toContain('33 99')
    terminal.type('exit 9\r')
    await terminal.see(/left 9/)
    expect(await terminal.status).toBe(0)
  })

  it('passes Ctrl-C to what runs there, and gives the terminal back as it was', async () => {
    const terminal = new Terminal(`stty -g; connect su -n ${plain} | connect shell; stty -g`)
    const before = (await terminal.see(/\n/)).trim()
    await terminal.see(/\$ $/)
    terminal.type('sh -c "echo on; exec sleep 1000"\r')
    await terminal.see(/\non/)
    terminal.type('\x03')
    await terminal.see(/\$ $/)
    terminal.type('echo "was $?"\r')
    await terminal.see(/was 130/)
    terminal.type('exit\r')
    await terminal.see(/exit\r\n/)
    expect((await terminal.see(/:.*\r\n/)).trim()).toBe(before)
    await terminal.status
  })

  it('runs a command instead of the login shell', async () => {
    const terminal = new Terminal(
      `connect su -n ${nologin} | connect shell -- sh -c 'test -t 0 && echo "it is"; exit 4'`,
    )
    await terminal.see(/it is/)
    expect(await terminal.status).toBe(4)
  })

  it.each([
    ['sh for a user of nologin', () => nologin, '/bin/sh'],
    ['fish for a user of fish', () => fish, '/usr/bin/fish'],
  ])('starts %s', async (_, user, expected) => {
    const terminal = new Terminal(`connect su -n ${user()} | connect shell`)
    await terminal.see(/[$>] /)
    terminal.type('sh -c \'echo "<$SHELL>"\'\r')
    expect(await terminal.see(/<\/.*>/)).toContain(`<${expected}>`)
    terminal.type('exit\r')
    await terminal.status
  })

  it('ends what runs there when it is ended itself', async () => {
    const terminal = new Terminal(`connect su -n ${plain} | bash -c 'echo "pid $$"; exec connect shell'`)
    const [, pid] = /pid (\d+)/.exec(await terminal.see(/pid \d+\r/)) ?? []
    await terminal.see(/\$ $/)
    terminal.type('echo "child $$"; sleep 54321\r')
    const [, child] = /child (\d+)/.exec(await terminal.see(/\nchild \d+\r/)) ?? []
    process.kill(Number(pid), 'SIGTERM')
    await terminal.status
    await expect.poll(() => isAlive(Number(child)), { timeout: 30_000 }).toBe(false)
  })

  it('needs a terminal, and one connection', async () => {
    const without = await shell(`connect su -n ${plain} | setsid -w connect shell`)
    expect([without.status, without.stdout]).toEqual([64, ''])
    expect(without.stderr).toMatch(/connect: Cannot go on without a terminal/)
    const several = await shell(`connect su -n ${plain} ${nologin} | connect shell`)
    expect([several.status, several.stderr]).toEqual([1, expect.stringContaining('needs one connection')])
  })
})

describe('a password that is asked for', () => {
  it.each([
    ['Ctrl-C', (terminal: Terminal) => terminal.type('\x03'), 130],
    ['SIGTERM', (_: Terminal, pid: string) => process.kill(Number(pid), 'SIGTERM'), 143],
  ])('gives the terminal back at %s, which ends the run', async (_, end, status) => {
    const asks = `bash -c 'echo "pid $$" >&2; exec connect su'`
    const terminal = new Terminal(
      `trap : INT; stty -g; connect su -n ${plain} | ${asks}; echo "left $?"; stty -g`,
    )
    const before = (await terminal.see(/\n/)).trim()
    const [, pid = ''] = /pid (\d+)/.exec(await terminal.see(/pid \d+\r/)) ?? []
    await terminal.see(/assword[^:]*: /)
    end(terminal, pid)
    await terminal.see(new RegExp(`left ${status}\r\n`))
    expect((await terminal.see(/:.*\r\n/)).trim()).toBe(before)
    await terminal.status
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Resolves to the records of an open chain, the last one's first. */
async function open(
  chain: string,
  env: Record<string, string>,
): Promise<{ child: ChildProcess; record: TestRecord }> {
  const child = startShell(chain, { env })
  let text = ''
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => {
      text += String(chunk)
      if (text.includes('"end"')) resolve()
    })
  })
  const [record] = recordsOf(text)
  if (!record) throw new Error('no record')
  return { child, record }
}

describe('a command whose client leaves', () => {
  it.each([
    ['ends by itself when it has been left', [{ type: 'leave', id: '1' }], true],
    ['is ended otherwise', [], false],
  ])('%s', async (_, more, ends) => {
    const directory = scratch.file(ends ? 'left' : 'ended')
    execFileSync('install', ['-d', '-m', '777', directory])
    execFileSync('mkfifo', ['-m', '666', `${directory}/begun`, `${directory}/go`])
    const { child, record } = await open(`connect su -n ${plain}`, {})
    const held = connect(String(record['socket']))
    held.write('{"type":"run","id":"1","command":"cat","input_follows":true}\n')
    const client = connect(String(record['socket']))
    const command =
      'trap "echo term >ended; exit" TERM; echo >begun; (read -r line <go; echo "$line" >ended) & wait'
    const requests = [{ type: 'run', id: '1', command, cwd: directory }, ...more]
    client.write(requests.map((each) => `${JSON.stringify(each)}\n`).join(''))
    await shell(`cat ${directory}/begun`)
    client.destroy()
    await once(client, 'close')
    if (ends) await shell(`echo itself >${directory}/go`)
    await until(() => existsSync(`${directory}/ended`))
    await until(() => readFileSync(`${directory}/ended`, 'utf8') === (ends ? 'itself\n' : 'term\n'))
    held.destroy()
    await finish(child)
  })
})

describe('connect list and connect close', () => {
  const env = { XDG_RUNTIME_DIR: scratch.path }
  // Others of this user, with directories of their own, may be open at the same time.
  const list = async () =>
    recordsOf((await shell('connect list', { env })).stdout).filter(({ socket }) =>
      String(socket).startsWith(scratch.path),
    )

  it('list shows what is open, and neither uses it nor keeps it', async () => {
    expect(await list()).toEqual([])
    const { child, record } = await open(`connect su -n ${plain} | connect wrap -- env`, env)
    const [lower, upper] = [await list(), await list()].at(-1) ?? []
    expect(lower).toMatchObject({ hops: [`su:${plain}`], clients: 1 })
    expect(upper).toEqual({ ...record, clients: 0 })
    const { stdout } = await shell(
      `echo '${JSON.stringify(record)}\n{"type":"end"}' | connect exec -- id -un`,
      { env },
    )
    expect(stdout).toBe(`${plain}\n`)
    await finish(child)
    expect(await list()).toEqual([])
  })

  it('close ends a connection, what is below it, and what its clients run', async () => {
    const { child, record } = await open(`connect su -n ${plain} | connect wrap -- env`, env)
    const input = `${JSON.stringify(record)}\n{"type":"end"}\n`
    const client = startShell('connect exec -c -- "echo on; sleep 54322"', { env, input })
    await new Promise((resolve) => client.stdout?.once('data', resolve))
    const { stdout, status } = await shell(`connect close ${record['id']}`, { env })
    expect([recordsOf(stdout), status]).toEqual([
      [{ type: 'end', tool: 'connect', ok: true, counts: { closed: 1, errors: 0 } }],
      0,
    ])
    expect((await finish(client)).status).not.toBe(0)
    await finish(child)
    expect(await list()).toEqual([])
  })

  it('close takes the beginning of an id, when no other begins so', async () => {
    const { child, record } = await open(`connect su -n ${plain} ${nologin}`, env)
    const [first = '', second = ''] = (await list()).map(({ id }) => String(id))
    let shared = ''
    while (second.startsWith(first.slice(0, shared.length + 1))) shared = first.slice(0, shared.length + 1)
    const ambiguous = await shell(`connect close ${shared}`, { env })
    expect([ambiguous.status, ambiguous.stderr]).toEqual([
      1,
      `connect: There is no connection "${shared}" to close (several begin so)\n`,
    ])
    expect(await list()).toHaveLength(2)
    await shell(`connect close ${String(record['id'])}`, { env })
    expect(await list()).toMatchObject([{ user: nologin }])
    // They were opened at the same time, and either may have been the first.
    const left = first === record['id'] ? second : first
    expect((await shell(`connect close ${left.slice(0, -1)}`, { env })).status).toBe(0)
    await finish(child)
  })

  it('close says that there is no such connection', async () => {
    const { stdout, status } = await shell('connect close 01XYZ', { env })
    expect(recordsOf(stdout)[0]).toMatchObject({ type: 'error', code: 'CONNECTION_UNKNOWN', id: '01XYZ' })
    expect(status).toBe(1)
  })
})
