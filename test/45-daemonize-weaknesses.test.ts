// The weaknesses of RESTAS's daemon script, one by one, each shown to be absent; and pidfiles that somebody prepared.
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { userInfo } from 'node:os'
import { describe, expect, it } from 'vitest'
import { daemonize, isAlive, runDaemonize, TestService, until } from './support/daemonize.ts'
import { isRoot, unprivileged, unprivilegedUid } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'

const scratch = new Scratch('daemonize-weaknesses')

async function started(config: Record<string, unknown> = {}): Promise<TestService> {
  const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec', ...config })
  const { status, stderr } = await service.run('start')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return service
}

function unstarted(config: Record<string, unknown> = {}): TestService {
  const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec', ...config })
  mkdirSync(`${service.folder}/run`)
  return service
}

function bystander(): number {
  const child = spawn('sleep', ['1000'])
  scratch.onEnd(() => void child.kill('SIGKILL'))
  return child.pid ?? 0
}

// Not compared in the end: whoever makes users meanwhile writes it too.
const precious = scratch.file('precious')
writeFileSync(precious, 'precious\n')

describe('W1: a pidfile is a number, whoever wrote it', () => {
  const hostile: Record<string, (path: string) => void> = {
    '-1': (path) => writeFileSync(path, '-1'),
    '0': (path) => writeFileSync(path, '0\n'),
    '1': (path) => writeFileSync(path, '1\n'),
    code: (path) => writeFileSync(path, '#.(sb-ext:run-program "/bin/touch" (list "x"))'),
    'a shell command': (path) => writeFileSync(path, '$(kill -9 -1)'),
    'two numbers': (path) => writeFileSync(path, `${process.pid} ${process.pid}\n`),
    'a huge number': (path) => writeFileSync(path, '99999999999999999999'),
    'its own number': (path) => writeFileSync(path, `${process.pid}\n`),
    nothing: (path) => writeFileSync(path, ''),
    'a link to /etc/passwd': (path) => symlinkSync('/etc/passwd', path),
    'a link to a file of root’s': (path) => symlinkSync(precious, path),
    'a link to nowhere': (path) => symlinkSync('/nowhere', path),
    'a FIFO': (path) => void spawnSync('mkfifo', [path]),
    'a socket': (path) =>
      void spawnSync('python3', [
        '-c',
        'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
        path,
      ]),
    "another user's": (path) => {
      writeFileSync(path, `${process.pid}\n`)
      spawnSync('chown', ['nobody', path])
    },
  }
  it.each(Object.keys(hostile))('%s', async (kind) => {
    const service = unstarted()
    for (const path of [service.pidfile, service.state]) {
      hostile[kind]?.(path)
      expect((await service.run('status')).status).toBe(1)
      for (const command of ['reload', 'stop'] as const) {
        expect((await service.run(command)).status).toBe(command === 'reload' ? 7 : 0)
      }
      hostile[kind]?.(path)
      expect((await service.run('kill')).status).toBe(0)
      hostile[kind]?.(path)
      expect((await service.run('start')).status).toBe(0)
      expect((await service.run('stop')).status).toBe(0)
      expect(existsSync(path)).toBe(false)
    }
    expect(readFileSync('/etc/passwd', 'utf8')).toMatch(/^root:/)
    expect(readFileSync(precious, 'utf8')).toBe('precious\n')
  })

  it.each(['10 MB', 'a folder'])('%s: is left alone, and said', async (kind) => {
    const service = unstarted()
    if (kind === '10 MB') writeFileSync(service.pidfile, Buffer.alloc(10 * 1024 * 1024, 0x31))
    else mkdirSync(service.pidfile)
    expect((await service.run('status')).status).toBe(1)
    for (const command of ['start', 'stop', 'restart', 'zap']) {
      const { status, stderr } = await service.run(command)
      expect(status).toBe(1)
      expect(stderr).toContain('there is something else')
    }
    expect(existsSync(service.pidfile)).toBe(true)
    expect((await service.run('zap', '--force')).status).toBe(kind === '10 MB' ? 0 : 1)
  })

  it('nor is a file taken for a state that some program keeps under that name', async () => {
    const service = unstarted()
    const text = `${JSON.stringify({ ids: Array.from({ length: 100 }, (_, index) => index) })}\n`
    writeFileSync(service.state, text)
    for (const command of ['start', 'stop', 'restart', 'zap']) {
      const { status, stderr } = await service.run(command)
      expect({ command, status, stderr }).toEqual({
        command,
        status: 1,
        stderr: `daemonize: Cannot create "${service.state}": there is something else: it is no state record\n`,
      })
    }
    expect(readFileSync(service.state, 'utf8')).toBe(text)
    expect((await service.run('zap', '--force')).status).toBe(0)
  })
})

it('W2: a number that somebody else has by now is not signalled', async () => {
  const service = await started()
  const record = JSON.parse(readFileSync(service.state, 'utf8')) as Record<string, unknown>
  await service.run('stop')
  const other = bystander()
  // Last what starts one of its own: where there are no cgroups, only its records tell of it.
  for (const command of ['stop', 'kill', 'reload', 'restart']) {
    writeFileSync(service.pidfile, `${other}\n`)
    writeFileSync(service.state, JSON.stringify({ ...record, pid: other, keeper: other, session: other }))
    await service.run(command)
    expect(isAlive(other)).toBe(true)
  }
})

it.skipIf(!isRoot)('W2: nor is a session that has the number of one that the service has left', async () => {
  const gone = scratch.file('left-its-session')
  const leave = `import os, signal, time
child = os.fork()
if child == 0: signal.pause()
os.setpgid(child, child)
os.setpgid(0, child)
os.setsid()
os.kill(child, 9)
os.wait()
open('${gone}', 'w')
time.sleep(1000)`
  const service = await started({ command: ['python3', '-c', leave] })
  await until('it has left its session', () => existsSync(gone))
  const { session } = JSON.parse(readFileSync(service.state, 'utf8')) as { session: number }
  let other = 0
  await until('somebody else has its number', () => {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(session - 1))
    const child = spawn('setsid', ['sleep', '1000'], { stdio: 'ignore' })
    if (child.pid === session) other = session
    if (other === 0) child.kill('SIGKILL')
    else scratch.onEnd(() => void child.kill('SIGKILL'))
    return other !== 0
  })
  const leads = () =>
    readFileSync(`/proc/${other}/stat`, 'latin1').split(') ')[1]?.split(' ')[3] === `${other}`
  await until('it leads a session', leads)
  expect((await service.run('stop')).record).toMatchObject({ state: 'stopped', left: [] })
  expect(isAlive(other)).toBe(true)
  expect(service.processes()).toEqual([])
})

it('W3: stop has an end, whatever the service does', async () => {
  const service = await started({ stop_timeout: 100 })
  process.kill(service.pid(), 'SIGSTOP')
  expect((await service.run('stop')).status).toBe(0)
  const deaf = new TestService(scratch, {})
  deaf.configure({
    command: deaf.script('deaf.sh', 'trap "" TERM\necho up\nwhile :; do sleep 1; done\n'),
    ready: { line: 'up' },
    stop_timeout: 100,
  })
  await deaf.run('start')
  const { status, record } = await deaf.run('stop')
  expect(status).toBe(0)
  expect(record['reason']).toBe('it did not end within 100 ms and was killed')
  expect(deaf.processes()).toEqual([])
})

it('W4: a zombie is not alive', async () => {
  // A process whose parent does not reap it, named by the records as the service.
  const parent = spawn('python3', [
    '-c',
    'import os,time,sys\np=os.fork()\nif p==0: time.sleep(1000)\nprint(p,flush=True)\ntime.sleep(1000)',
  ])
  scratch.onEnd(() => void parent.kill('SIGKILL'))
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.on('data', (bytes: Buffer) => resolve(Number(bytes.toString()))),
  )
  const service = await started()
  const record = JSON.parse(readFileSync(service.state, 'utf8')) as Record<string, unknown>
  await service.run('stop')
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  writeFileSync(service.state, JSON.stringify({ ...record, pid, start: Number(fields[19]) }))
  writeFileSync(service.pidfile, `${pid}\n`)
  expect((await service.run('status')).status).toBe(0)
  process.kill(pid, 'SIGKILL')
  await until('it is a zombie', () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')))
  expect((await service.run('status')).status).toBe(1)
  expect((await service.run('start')).record).toMatchObject({ state: 'running', changed: true })
})

it('W5: a stale pidfile is in nobody’s way', async () => {
  for (const [command, state] of [
    ['start', 'running'],
    ['restart', 'running'],
    ['stop', 'stopped'],
    ['kill', 'stopped'],
  ] as const) {
    const service = await started()
    process.kill(service.pid(), 'SIGKILL')
    await until('it has gone', () => !isAlive(service.pid()))
    const { status, record } = await service.run(command)
    expect({ command, status, state: record['state'] }).toEqual({ command, status: 0, state })
  }
})

it('W6: zap does not lose a service that lives', async () => {
  const service = await started()
  const { status, stderr } = await service.run('zap')
  expect(status).toBe(1)
  expect(stderr).toContain(`it runs (process ${service.pid()}); stop it, or --force`)
  expect((await service.run('status')).status).toBe(0)
  const pid = service.pid()
  expect((await service.run('zap', '--force')).status).toBe(0)
  expect(isAlive(pid)).toBe(true)
  process.kill(pid, 'SIGKILL')
})

it('W7: stop and restart of what is stopped are no errors', async () => {
  const service = unstarted()
  expect((await service.run('stop')).record).toMatchObject({ state: 'stopped', changed: false })
  expect((await service.run('restart')).record).toMatchObject({ state: 'running', changed: true })
})

it('W8: start of what runs does nothing, loads nothing, and is a success', async () => {
  const service = new TestService(scratch, {})
  const modules = scratch.file('w8')
  mkdirSync(modules)
  writeFileSync(
    `${modules}/once.mjs`,
    'process.stderr.write("loaded\\n")\nexport default (req, res) => res.end("ok")',
  )
  service.configure({ module_paths: [modules], sites: [{ module: 'once', port: 0 }] })
  await service.run('start')
  const { status, record } = await service.run('start')
  expect(status).toBe(0)
  expect(record).toMatchObject({ changed: false, reason: 'it runs already' })
  expect(readFileSync(service.log, 'utf8')).toBe('loaded\n')
})

it('W8: but another service with the same pidfile is not what was to be started', async () => {
  const service = await started()
  const other = `${service.folder}/other.json`
  writeFileSync(other, readFileSync(service.conf, 'utf8').replace(`"${service.name}"`, '"other"'))
  const { status, stderr, record } = await runDaemonize([other, 'start'])
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: `daemonize: Cannot start other: its pidfile is that of "${service.name}" (${service.conf}), which runs\n`,
  })
  expect(record).toMatchObject({ state: 'running', pid: service.pid(), changed: false })
})

it('W9: a start that fails says why, with the last lines of the service', async () => {
  const service = unstarted({ command: 'echo one; echo two >&2; exit 7', ready: { delay: 500 } })
  const { status, stderr, record } = await service.run('start')
  expect(status).toBe(1)
  expect(stderr).toMatch(/: one\n.*: two\n.*it ended with status 7 before it was ready: two\n$/s)
  expect(record['reason']).toContain('it ended with status 7 before it was ready: two')
})

it('W10: every way of failing has a status, and none of them is 0', async () => {
  const cases: [config: Record<string, unknown>, expected: number][] = [
    [{ user: 'nosuchuser' }, 6],
    [{ command: ['/nowhere'] }, 5],
    [{ command: ['/etc/passwd'] }, 5],
    [{ command: ['nowhere-in-path'] }, 5],
    [{ cwd: '/nowhere' }, 1],
    [{ chroot: '/nowhere' }, 1],
    [{ pidfile: '/proc/nowhere/s.pid' }, 1],
    [{ log: '/proc/nowhere/s.log' }, 1],
    [{ cachedir: '/proc/nowhere' }, 1],
    [{ stop_signal: 'NOPE' }, 6],
    [{ nmae: 'x' }, 6],
  ]
  for (const [config, expected] of cases) {
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec', ...config })
    const { status, stderr } = await service.run('start')
    expect({ config, status }).toEqual({ config, status: expected })
    expect(stderr).toMatch(/^daemonize: /)
    expect(stderr.includes('Internal')).toBe(false)
  }
})

it('W11: the lock comes first', async () => {
  const service = unstarted({ ready: { delay: 100 } })
  const answers = await Promise.all([1, 2, 3].map(() => service.run('start')))
  expect(answers.map(({ status }) => status)).toEqual([0, 0, 0])
  expect(new Set(answers.map(({ record }) => record['pid'])).size).toBe(1)
})

it('W12: nothing is for everyone to write', async () => {
  const service = await started(unprivileged)
  const { stdout } = spawnSync('find', [service.folder, '-perm', '/022', '-not', '-type', 'l'], {
    encoding: 'utf8',
  })
  expect(stdout).toBe('')
  expect(statSync(`${service.folder}/cache`)).toMatchObject({ uid: unprivilegedUid, mode: 0o40750 })
  // The folder of the pidfile is not the service's: it could name anyone in it.
  expect(statSync(`${service.folder}/run`).uid).toBe(process.getuid?.())
})

it('W13, W14: no descriptor and no variable of the caller, and its own HOME and USER', async () => {
  const service = unstarted(unprivileged)
  const { status } = spawnSync(
    'bash',
    [
      '-c',
      `exec 9</etc/passwd 251</etc/passwd; SECRET=x exec ${process.execPath} ${daemonize} ${service.conf} start`,
    ],
    { env: environment({ SECRET: 'x' }) },
  )
  expect(status).toBe(0)
  expect(spawnSync('ls', [`/proc/${service.pid()}/fd`], { encoding: 'utf8' }).stdout).toBe('0\n1\n2\n')
  const variables = readFileSync(`/proc/${service.pid()}/environ`, 'utf8').split('\0')
  const [name, home] = isRoot ? ['nobody', '/nonexistent'] : [userInfo().username, userInfo().homedir]
  expect(variables).toContain(`USER=${name}`)
  expect(variables).toContain(`HOME=${home}`)
  expect(variables.filter((each) => /SECRET|PWD/.test(each))).toEqual([])
})

it('W13: nor is what a service has put in place of its socket handed to the next one', async () => {
  const body = `import os, signal, socket, stat, sys
if stat.S_ISSOCK(os.fstat(3).st_mode): print('port', socket.socket(fileno=os.dup(3)).getsockname()[1] > 0, flush=True)
else: print('none', flush=True)
other = socket.socket() if len(sys.argv) > 1 else open('/dev/null')
os.dup2(other.fileno(), 3)
signal.pause()
`
  const file = scratch.file('replaces.py')
  writeFileSync(file, body)
  for (const args of [[], ['socket']]) {
    const command = ['python3', file, ...args]
    const service = await started({ command, listen: ['127.0.0.1:0'], ready: { line: '^(port|none)' } })
    expect((await service.run('restart')).status).toBe(0)
    expect(readFileSync(service.log, 'utf8')).toBe('port True\nport True\n')
    await service.run('stop')
  }
})

it('W15: the service leads no session, and has no terminal', async () => {
  const service = await started()
  const fields = readFileSync(`/proc/${service.pid()}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
  expect(Number(fields[3])).not.toBe(service.pid())
  expect(fields[4]).toBe('0')
})

it.skipIf(!isRoot)('W16: no capability stays, none can be had, no new privileges', async () => {
  const service = await started({ user: 'nobody' })
  const text = readFileSync(`/proc/${service.pid()}/status`, 'utf8')
  expect(text).toMatch(/CapPrm:\s0+\nCapEff:\s0+\nCapBnd:\s0+\nCapAmb:\s0+\nNoNewPrivs:\s1\n/)
})

it('W17: nobody else can say that it is ready, and a suspended one is not taken for dead', async () => {
  const service = new TestService(scratch, {})
  const marker = `${service.folder}/go`
  service.configure({
    command: service.script(
      'slow.sh',
      `while [ ! -e ${marker} ]; do sleep 0.02; done\necho >&5\nexec sleep 1000\n`,
    ),
    ready: { fd: 5 },
  })
  const starting = service.run('start')
  let ended = false
  void starting.then(() => (ended = true))
  await until('it is being started', () => service.processes().length > 0)
  const [pid = 0] = service.processes()
  process.kill(pid, 'SIGSTOP')
  const starter = Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1])
  process.kill(starter, 'SIGUSR1')
  process.kill(pid, 'SIGCONT')
  expect(ended).toBe(false)
  expect(isAlive(pid)).toBe(true)
  writeFileSync(marker, '')
  expect((await starting).status).toBe(0)
  expect(service.pid()).toBe(pid)
})

it('W18: start has an end', async () => {
  const service = unstarted({ ready: { line: 'never' }, start_timeout: 100 })
  const { status, stderr } = await service.run('start')
  expect(status).toBe(1)
  expect(stderr).toContain('it was not ready within 100 ms')
})

it('W19: no pidfile stays when the service has been ended', async () => {
  const service = await started()
  await service.run('stop')
  expect(service.hasRecords()).toBe(false)
  const kept = await started({ restart: 'on-failure' })
  process.kill(kept.pid(), 'SIGTERM')
  await until('its records are gone', () => !kept.hasRecords())
})

it('W20: there is status, reload, logs, check, list', async () => {
  const service = await started({
    command: 'echo hello; trap "echo again" HUP; while :; do sleep 0.05; done',
    ready: { line: 'hello' },
  })
  expect((await service.run('status')).record).toMatchObject({ state: 'running' })
  expect((await service.run('reload')).status).toBe(0)
  await until('it has read again', () => readFileSync(service.log, 'utf8').includes('again'))
  expect((await service.run('logs')).records.map(({ text }) => text)).toContain('hello')
  expect((await service.run('check')).status).toBe(0)
  const listed = await runDaemonize([service.folder, 'list'])
  expect(listed.records).toHaveLength(1)
  expect(listed.record).toMatchObject({ name: service.name, state: 'running', conf: service.conf })
})

it.skipIf(!isRoot)('W21: the REPL is for its user only (see 44)', async () => {
  const service = new TestService(scratch, {})
  const modules = scratch.file('w21')
  mkdirSync(modules)
  writeFileSync(`${modules}/x.mjs`, 'export default (req, res) => res.end()')
  service.configure({
    user: 'nobody',
    module_paths: [modules],
    sites: [{ module: 'x', port: 0 }],
    repl: `${service.folder}/run/s.repl`,
  })
  expect((await service.run('start')).status).toBe(0)
  const as = (uid: number) =>
    spawnSync('setpriv', [`--reuid=${uid}`, '--clear-groups', 'nc', '-UN', `${service.folder}/run/s.repl`], {
      input: '6*7\n.exit\n',
      encoding: 'utf8',
    })
  expect(as(2).stdout).toBe('')
  expect(as(65534).stdout).toContain('42')
})

it('W22: a configuration is data, or a module that nobody else can write (see 43)', async () => {
  const service = unstarted()
  writeFileSync(service.conf, '{"name": "x", "command": require("child_process").execSync("touch x")}')
  const { status, stderr } = await service.run('start')
  expect(status).toBe(6)
  expect(stderr).toContain('not valid JSON')
  unlinkSync(service.conf)
  writeFileSync(service.conf, '{}')
  spawnSync('chmod', ['666', service.conf])
  // For root it matters who may have written it, and then only what is in it.
  expect((await service.run('start')).status).toBe(isRoot ? 4 : 6)
})

it('W24: no command loads more than it needs', async () => {
  const service = await started()
  // Of the bundle's chunks, the addon and the built-in modules that cost something, status opens none.
  const { stderr } = spawnSync(
    'strace',
    ['-f', '-e', 'trace=openat', process.execPath, daemonize, service.conf, 'status'],
    { encoding: 'utf8' },
  )
  expect(stderr, 'strace is missing: apt-get install strace').toContain('openat')
  expect(stderr).not.toMatch(/yaml\.cjs"|yargs\.cjs"|ndjson\.cjs"|syscall\.node/)
})

it('W25: an init script says what it depends on, and sets no locale (names with dots, and links: see 48)', async () => {
  const service = unstarted()
  const scripts = await Promise.all(
    ['--openrc', '--sysv'].map(async (kind) => (await runDaemonize([service.conf, 'unit', kind])).stdout),
  )
  expect(scripts[0]).toMatch(/^depend\(\) \{\n\t.*\bnet\b/m)
  expect(scripts[1]).toMatch(/^# Required-Start: .*\$network/m)
  for (const script of scripts) {
    expect(script).toMatch(/\bstatus\b/)
    expect(script).not.toMatch(/\b(LANG|LC_[A-Z]+)=/)
  }
})
