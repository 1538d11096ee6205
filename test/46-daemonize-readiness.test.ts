// Every way in which a service can say or show that it is ready: start returns then, and not before.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { daemonize, runDaemonize, TestService, until } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'

const isRoot = process.getuid?.() === 0
const scratch = new Scratch('daemonize-readiness')
const port = 24_000 + (process.pid % 1000) * 4

/** Waits for a file, then does what makes it ready. */
const python = (act: string) => `
import os, socket, sys, time, http.server
while not os.path.exists(sys.argv[1]): time.sleep(0.01)
${act}
open(sys.argv[1] + '.ready', 'w')
time.sleep(1000)
`

const kinds: Record<string, { ready: unknown; act: string; config?: Record<string, unknown> }> = {
  'a descriptor': {
    ready: { fd: 7 },
    act: `os.write(7, b'still loading'); os.write(7, b'\\n'); os.close(7)`,
  },
  sd_notify: {
    ready: 'notify',
    act: `
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.sendto(b'STATUS=loading', '\\0' + os.environ['NOTIFY_SOCKET'][1:])
s.sendto(b'STATUS=done\\nREADY=1\\n', '\\0' + os.environ['NOTIFY_SOCKET'][1:])`,
  },
  'sd_notify, of another user': {
    ready: 'notify',
    config: { user: 'nobody' },
    act: `socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'READY=1', '\\0' + os.environ['NOTIFY_SOCKET'][1:])`,
  },
  'a port': { ready: { port }, act: `s = socket.create_server(('127.0.0.1', ${port}))` },
  'a unix socket': {
    ready: { socket: '@SOCKET@' },
    act: `s = socket.socket(socket.AF_UNIX); s.bind('@SOCKET@'); s.listen()`,
  },
  'an HTTP status': {
    ready: { http: `http://127.0.0.1:${port + 1}/health`, status: 204 },
    act: `
class H(http.server.BaseHTTPRequestHandler):
  n = 0
  def do_GET(self):
    H.n += 1
    self.send_response(503 if H.n < 3 else 204); self.end_headers()
open(sys.argv[1] + '.ready', 'w')
http.server.HTTPServer(('127.0.0.1', ${port + 1}), H).serve_forever()`,
  },
  'a line': {
    ready: { line: '^listening on \\d+$' },
    act: `print('listening soon'); print('listening on 80', flush=True)`,
  },
  'a line, with a log that is kept': {
    ready: { line: '^listening on \\d+$' },
    config: { log: { path: '@KEPT@' } },
    act: `print('listening on 80', flush=True)`,
  },
  'a line, with syslog': {
    ready: { line: 'listening' },
    config: { log: { syslog: '/nowhere/log' } },
    act: `print('listening on 80', flush=True)`,
  },
}

describe('start returns when the service is ready, as it shows by', () => {
  const needsRoot = (kind: string) => kinds[kind]?.config?.['user'] !== undefined
  it.each(Object.keys(kinds).filter((kind) => isRoot || !needsRoot(kind)))('%s', async (kind) => {
    const { ready, act, config = {} } = kinds[kind] ?? { ready: 'exec', act: '' }
    const service = new TestService(scratch, {})
    const marker = `${service.folder}/open/go`
    spawnSync('mkdir', ['-m', '1777', `${service.folder}/open`])
    const fill = (text: string) =>
      text
        .replaceAll('@SOCKET@', `${service.folder}/s.sock`)
        .replaceAll('@KEPT@', `${service.folder}/kept.log`)
    writeFileSync(`${service.folder}/service.py`, python(fill(act)))
    const whole = { command: ['/usr/bin/python3', `${service.folder}/service.py`, marker], ready, ...config }
    service.configure(JSON.parse(fill(JSON.stringify(whole))) as Record<string, unknown>)
    let returned = false
    const starting = service.run('start').then((answer) => {
      returned = true
      return answer
    })
    await until('it is being started', () => service.processes().length === 1)
    expect(returned).toBe(false)
    expect((await service.run('status')).record['state']).toBe('starting')
    writeFileSync(marker, '')
    const { status, stderr } = await starting
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect((await service.run('status')).record).toMatchObject({ state: 'running', pid: service.pid() })
    expect((await service.run('stop')).status).toBe(0)
  })
})

describe('start fails', () => {
  const failing = async (config: Record<string, unknown>) => {
    const service = new TestService(scratch, { start_timeout: 5000, ...config })
    const answer = await service.run('start')
    expect(answer.status).toBe(1)
    expect(service.hasRecords()).toBe(false)
    return answer
  }
  it.each([
    ['a descriptor', { fd: 3 }],
    ['sd_notify', 'notify'],
    ['a port', { port: port + 2 }],
    ['a line', { line: 'up' }],
    ['a delay', { delay: 3000 }],
  ])('at once when it dies first: %s', async (_, ready) => {
    const { stderr } = await failing({ command: 'echo oh no; exit 9', ready })
    expect(stderr).toContain('it ended with status 9 before it was ready: oh no')
  })

  it.each(['no', 'on-failure'])('when it goes into the background; restart: %s', async (restart) => {
    const service = new TestService(scratch, {})
    const socket = `${service.folder}/s.sock`
    const act = `s = socket.socket(socket.AF_UNIX); s.bind('${socket}'); s.listen()\nif os.fork(): os._exit(0)`
    writeFileSync(`${service.folder}/service.py`, python(act))
    // The file that it waits for is there.
    service.configure({
      command: ['/usr/bin/python3', `${service.folder}/service.py`, service.conf],
      ready: { socket },
      restart,
    })
    const { status, stderr } = await service.run('start')
    expect(stderr).toMatch(
      /it has gone into the background|it ended (with status 0 before|as soon as) it was ready/,
    )
    expect(status).toBe(1)
    expect(service.processes()).toEqual([])
    expect(service.hasRecords()).toBe(false)
  })

  it('when a signal ends it', async () => {
    expect((await failing({ command: 'kill -SEGV $$' })).stderr).toContain(
      'it was ended by SIGSEGV before it was ready',
    )
  })

  it('when somebody else answers there already', async () => {
    const other = createServer().listen(port + 3, '127.0.0.1')
    await new Promise((resolve) => other.on('listening', resolve))
    const { stderr } = await failing({ command: ['sleep', '1000'], ready: { port: port + 3 } })
    expect(stderr).toContain('something answers already where it is to be ready')
    await new Promise((resolve) => other.close(resolve))
  })

  it.skipIf(!isRoot)('in time when nobody but the asking connection itself answers', () => {
    const service = new TestService(scratch, {
      command: ['sleep', '1000'],
      ready: { port },
      start_timeout: 300,
    })
    // The only port that connections can be made from is the one that is asked for.
    const range = `ip link set lo up && echo ${port} ${port} > /proc/sys/net/ipv4/ip_local_port_range`
    const { status, stderr } = spawnSync(
      'unshare',
      [
        '--net',
        'sh',
        '-c',
        `${range} && exec "$@"`,
        'sh',
        process.execPath,
        daemonize,
        service.conf,
        'start',
      ],
      { encoding: 'utf8' },
    )
    expect(stderr).toContain('it was not ready within 300 ms')
    expect(status).toBe(1)
  })

  it('when it forks away and its main process ends, and takes what forked along', async () => {
    const service = new TestService(scratch, {})
    const child = service.script('child.sh', 'while :; do sleep 1; done\n')
    service.configure({ command: service.script('fork.sh', `setsid ${child.join(' ')} &\nexit 0\n`) })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain('it ended with status 0 before it was ready')
    expect(service.processes()).toEqual([])
  })
})

describe('records', () => {
  it('on standard input name the services, and others pass', async () => {
    const services = [1, 2].map(() => new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' }))
    const [a, b] = services
    const both = await runDaemonize([a?.conf ?? '', b?.conf ?? '', 'start'])
    expect(both.status).toBe(0)
    expect(both.records.map(({ name, state }) => [name, state])).toEqual(
      services.map(({ name }) => [name, 'running']),
    )
    const input = `{"type":"other","x":1}\n${both.stdout}`
    const stopped = await runDaemonize(['stop'], { input })
    expect(stopped.status).toBe(0)
    expect(stopped.records.map(({ type, state }) => [type, state])).toEqual([
      ['other', undefined],
      ['service', 'stopped'],
      ['service', 'stopped'],
    ])
    const upstream = await runDaemonize(['status'], {
      input: '{"type":"error","tool":"x","code":"Y","message":"z","retryable":false}\n',
    })
    expect(upstream.status).toBe(1)
    const end = (ok: boolean) => `{"type":"end","tool":"x","ok":${ok},"counts":{}}\n`
    const ended = await runDaemonize(['stop'], { input: `${both.stdout}${end(true)}` })
    expect(ended.status).toBe(0)
    expect(ended.records.map(({ type }) => type)).toEqual(['service', 'service'])
    const failed = await runDaemonize(['stop'], { input: `${both.stdout}${end(false)}` })
    expect(failed.status).toBe(1)
    expect(failed.records.map(({ type }) => type)).toEqual(['service', 'service'])
    const cut = await runDaemonize(['status'], { input: '{"type":"service","conf":"/x' })
    expect(cut.status).not.toBe(0)
  })

  it('one service that fails does not keep the others from starting', async () => {
    const bad = new TestService(scratch, { command: ['/nowhere'] })
    const good = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    const { status, records } = await runDaemonize([bad.conf, '/nowhere/x.json', good.conf, 'start'])
    expect(status).toBe(1)
    expect(records.map(({ type, state, code }) => state ?? `${String(type)} ${String(code)}`)).toEqual([
      'stopped',
      'error CONFIG_UNREADABLE',
      'running',
    ])
  })
})

describe('configurations', () => {
  it('may be YAML and ES modules', async () => {
    const service = new TestService(scratch, {})
    const yaml = `${service.folder}/c.yaml`
    writeFileSync(
      yaml,
      `name: ${service.name}\ncommand: [sleep, "1000"]\npidfile: run/s.pid\ncachedir: cache\nlog: none\nready: exec\n`,
    )
    expect((await runDaemonize([yaml, 'start'])).status).toBe(0)
    // Relative paths are beside the configuration.
    expect(service.hasRecords()).toBe(true)
    const module = `${service.folder}/c.mjs`
    writeFileSync(
      module,
      `export const name = '${service.name}'\nexport const command = ['sleep', '1000']\nexport const pidfile = '${service.pidfile}'\nexport const cachedir = 'cache'`,
    )
    expect((await runDaemonize([module, 'status'])).record).toMatchObject({
      state: 'running',
      pid: service.pid(),
    })
    expect((await runDaemonize([module, 'stop'])).status).toBe(0)
  })

  it.each([
    ['{"name":"a"', /Expected ',' or '}'/],
    ['[]', /expected an object/],
    ['{"command":["x"]}', /field "name": missing/],
    ['{"name":"../x","command":["x"]}', /field "name"/],
    ['{"name":"x","comand":["x"]}', /there is no key "comand" \(did you mean "command"\?\)/],
    ['{"name":"x"}', /expected "command", or "sites", or "load"/],
    ['{"name":"x","command":["x"],"sites":[]}', /exclude each other/],
    ['{"name":"x","sites":[["m","h","80"]]}', /the third entry is the port/],
    ['{"name":"x","sites":[{"module":"m","prot":80}]}', /sites/],
    ['{"name":"x","command":["x"],"umask":"999"}', /octal mode/],
    ['{"name":"x","command":["x"],"ready":{"fd":1}}', /ready/],
    ['{"name":"x","command":["x"],"capabilities":["net_bind"]}', /there is no capability "net_bind"/],
    ['{"name":"x","command":["x"],"start_timeout":-1}', /start_timeout/],
  ])('that are wrong are refused with the place: %s', async (text, reason) => {
    const conf = scratch.file('wrong.json')
    writeFileSync(conf, text)
    const { status, stderr, record } = await runDaemonize([conf, 'check'])
    expect(status).toBe(6)
    expect(stderr).toMatch(reason)
    expect(record).toMatchObject({ type: 'error', tool: 'daemonize', conf })
    expect((await runDaemonize([conf, 'status'])).status).toBe(4)
  })

  it.skipIf(!isRoot)('the seed’s example, line by line', async () => {
    const conf = scratch.file('homesite.json')
    writeFileSync(scratch.file('homesite.mjs'), 'export default (req, res) => res.end("home")')
    writeFileSync(
      conf,
      `{ "name": "homesite", "user": "nobody", "repl": 9000,
         "module_paths": ["/home/andrey/development/", "${scratch.path}"],
         "load": ["homesite"], "sites": [["homesite", null, 80]] }`,
    )
    const { status, stderr } = await runDaemonize([conf, 'check'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('usage', () => {
  it.each([
    [[], /Expected a command/],
    [['x.json', 'strat'], /There is no command "strat" \(did you mean "start"\?\)/],
    [['--frobnicate', 'x.json', 'start'], /There is no option --frobnicate/],
    [['--timeout', 'soon', '/dev/null', 'start'], /milliseconds|Cannot/],
  ])('%j', async (args, reason) => {
    const { status, stderr } = await runDaemonize(args)
    expect([2, 6]).toContain(status)
    expect(stderr).toMatch(reason)
  })

  it('schemas and help', async () => {
    const { stdout, status } = await runDaemonize(['--schema'])
    expect(status).toBe(0)
    expect(stdout).toContain('"name":"service"')
    expect((await runDaemonize(['--help'])).stdout).toContain('restart')
  })
})
