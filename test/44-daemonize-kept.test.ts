// What stays beside a service when something is to be kept: restarts, logs that are rotated, syslog; and the REPL.
import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { get } from 'node:http'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { daemonize, isAlive, runDaemonize, TestService, until } from './support/daemonize.ts'
import { isRoot, unprivileged, unprivilegedUid } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'

const scratch = new Scratch('daemonize-kept')
const port = 20_000 + (process.pid % 1000) * 4

async function startService(config: Record<string, unknown>, body?: string): Promise<TestService> {
  const service = new TestService(scratch, {})
  const command = body === undefined ? {} : { command: service.script('service.sh', body) }
  service.configure({ ...command, ...config })
  const { status, stderr } = await service.run('start')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return service
}

/** A syslog that writes down what it reads: `first` is done before it does, `each` after each message (Python). */
async function startSyslog(name: string, { first = 'pass', each = 'pass' } = {}) {
  const [path, received] = [scratch.file(name), scratch.file(`${name}-received`)]
  const server = `import os,signal,socket,sys,time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
f = open(sys.argv[2], 'ab', 0)
${first}
while True:
  f.write(s.recv(200000) + b'\\n')
  ${each}`
  const syslog = spawn('python3', ['-c', server, path, received])
  scratch.onEnd(() => void syslog.kill('SIGKILL'))
  await until('it is there', () => existsSync(received))
  return { path, received, syslog }
}

const keeperOf = async (service: TestService) => Number((await service.run('status')).record['keeper'])

describe('supervision', () => {
  it('makes a killed service again, under one keeper, and stops both', async () => {
    const service = await startService(
      { restart: 'always', restart_reset: 0, ready: { line: 'up' } },
      'echo up\nexec sleep 1000\n',
    )
    const keeper = await keeperOf(service)
    expect(isAlive(keeper)).toBe(true)
    for (let round = 0; round < 3; round++) {
      const before = service.pid()
      process.kill(before, 'SIGKILL')
      await until('there is another', () => service.pid() !== before && isAlive(service.pid()))
    }
    const { status, record } = await service.run('status')
    expect(status).toBe(0)
    expect(record).toMatchObject({ keeper, restarts: 3, pid: service.pid() })
    expect((await service.run('stop')).status).toBe(0)
    expect(isAlive(keeper)).toBe(false)
    expect(service.processes()).toEqual([])
    expect(service.hasRecords()).toBe(false)
  })

  it.skipIf(!isRoot)('sweeps the children of the dead one before it makes the next', async () => {
    const service = await startService(
      { restart: 'always', restart_reset: 0, ready: { line: 'up' } },
      '(setsid sh -c "exec sleep 1000" $0.child &)\necho up\nwhile :; do sleep 1000; done\n',
    )
    const tree = () =>
      spawnSync('sh', ['-c', `cat ${cgroupOf(service)}/cgroup.procs | wc -l`], {
        encoding: 'utf8',
      }).stdout.trim()
    const before = service.pid()
    await until('all are there', () => tree() === '3')
    process.kill(before, 'SIGKILL')
    await until('there is another', () => service.pid() !== before && isAlive(service.pid()))
    await until('all are there again', () => tree() === '3')
    await service.run('stop')
  })

  it.skipIf(!isRoot)(
    'on-failure leaves a service that ends well, and its pidfile and cgroup go with it',
    async () => {
      const service = await startService(
        { restart: 'on-failure', ready: 'exec' },
        `while [ ! -e $0.end ]; do sleep 0.02; done\n`,
      )
      const keeper = await keeperOf(service)
      const cgroup = cgroupOf(service)
      expect(existsSync(cgroup)).toBe(true)
      writeFileSync(`${service.folder}/service.sh.end`, '')
      await until('the keeper has gone', () => !isAlive(keeper))
      expect(existsSync(cgroup)).toBe(false)
      expect(service.hasRecords()).toBe(false)
      expect((await service.run('status')).status).toBe(3)
    },
  )

  it('gives up after the limit, ever later, and status says so', async () => {
    const slow = await startService(
      {
        restart: 'on-failure',
        restart_limit: 3,
        restart_delay: 20,
        restart_reset: 60_000,
        ready: { line: 'up' },
        log: `${scratch.path}/limit.log`,
      },
      'echo >>$0.times\necho up\nwhile [ ! -e $0.end ]; do sleep 0.02; done\nexit 7\n',
    )
    writeFileSync(`${slow.folder}/service.sh.end`, '')
    await until('it has given up', async () => (await slow.run('status')).record['state'] === 'failed')
    const { status, record } = await slow.run('status')
    expect(status).toBe(1)
    expect(record).toMatchObject({ restarts: 3, pid: null, keeper: null })
    expect(readFileSync(`${slow.folder}/service.sh.times`, 'utf8')).toBe('\n'.repeat(4))
    unlinkSync(`${slow.folder}/service.sh.end`)
    expect((await slow.run('start')).status).toBe(0)
    await slow.run('stop')
  })

  it('a keeper that was killed is replaced by the next start, and there is one service', async () => {
    const service = await startService(
      { restart: 'always', ready: { line: 'up' } },
      'echo up\nexec sleep 1000\n',
    )
    const [keeper, before] = [await keeperOf(service), service.pid()]
    process.kill(keeper, 'SIGKILL')
    await until('it is gone', () => !isAlive(keeper))
    expect((await service.run('status')).record).toMatchObject({
      state: 'running',
      reason: 'its keeper has ended',
    })
    expect((await service.run('start')).status).toBe(0)
    expect(isAlive(before)).toBe(false)
    expect(isAlive(service.pid())).toBe(true)
    expect(await keeperOf(service)).not.toBe(keeper)
  })

  it.skipIf(!isRoot)(
    'waits ever longer too where no process can be made, and keeps nothing open of it',
    async () => {
      const service = new TestService(scratch, {})
      const user = ['--reuid=54321', '--regid=54321', '--clear-groups']
      spawnSync('chown', ['-R', '54321', service.folder])
      service.configure({
        command: ['sleep', '1000'],
        ready: 'exec',
        log: { path: service.log },
        restart: 'always',
        restart_reset: 0,
        restart_delay: 20,
      })
      const run = (...words: string[]) =>
        spawnSync('setpriv', [...user, ...words], { encoding: 'utf8', env: environment() })
      scratch.onEnd(() => void run(process.execPath, daemonize, service.conf, 'kill'))
      expect(run(process.execPath, daemonize, service.conf, 'start')).toMatchObject({ status: 0, stderr: '' })
      const before = service.pid()
      const { keeper } = JSON.parse(readFileSync(service.state, 'utf8')) as { keeper: number }
      const open = () => readdirSync(`/proc/${keeper}/fd`).length
      const refused = () =>
        readFileSync(service.log, 'utf8').match(/cannot be made again: fork: /g)?.length ?? 0
      expect(run('prlimit', '--pid', `${keeper}`, '--nproc=0:')).toMatchObject({ status: 0, stderr: '' })
      process.kill(before, 'SIGKILL')
      await until('it is tried', () => refused() > 0)
      const few = open()
      await until('it is tried again', () => refused() > 3)
      expect(open()).toBeLessThanOrEqual(few)
      expect(run('prlimit', '--pid', `${keeper}`, '--nproc=1000:')).toMatchObject({ status: 0, stderr: '' })
      await until('there is another', () => service.pid() !== before && isAlive(service.pid()))
      expect(run(process.execPath, daemonize, service.conf, 'stop')).toMatchObject({ status: 0 })
    },
  )

  it.each(['no', 'always'])(
    'a keeper that is killed during the start leaves nothing: restart %s',
    async (restart) => {
      const service = new TestService(scratch, {})
      const command = service.script('service.sh', 'echo here; sleep 1000; :\n')
      service.configure({
        command,
        ready: { line: '^never$' },
        start_timeout: 60_000,
        restart,
        cgroup: false,
      })
      const starting = service.run('start')
      await until('it runs', () => existsSync(service.log) && readFileSync(service.log, 'utf8') === 'here\n')
      const [pid = 0] = service.processes()
      const keeper = Number(readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[1])
      expect(readFileSync(`/proc/${keeper}/comm`, 'latin1')).toBe('keeper\n')
      process.kill(keeper, 'SIGKILL')
      const { status, stderr } = await starting
      expect(status).toBe(1)
      expect(stderr).toContain('the keeper ended')
      expect(service.processes()).toEqual([])
      expect(readdirSync(`${service.folder}/run`)).toEqual(['s.lock'])
    },
  )

  it('sites are made again on the same sockets, below 1024 too, after the privileges are gone', async () => {
    const modules = scratch.file('sites')
    mkdirSync(modules, { recursive: true })
    const below = isRoot ? 872 : port + 8_000
    writeFileSync(`${modules}/pid.mjs`, 'export default (req, res) => res.end(String(process.pid))')
    const service = await startService({
      ...unprivileged,
      restart: 'always',
      restart_reset: 0,
      module_paths: [modules],
      sites: [{ module: 'pid', address: '127.0.0.1', port: below }],
    })
    const ask = () =>
      new Promise<string>((resolve, reject) =>
        get(`http://127.0.0.1:${below}/`, { agent: false }, (res) =>
          res.on('data', (b: Buffer) => resolve(b.toString())),
        ).on('error', reject),
      )
    const before = await ask()
    expect(Number(before)).toBe(service.pid())
    process.kill(service.pid(), 'SIGKILL')
    await until('there is another', () => String(service.pid()) !== before)
    // Whoever asks meanwhile waits in the socket's queue.
    expect(Number(await ask())).toBe(service.pid())
    const keeper = await keeperOf(service)
    expect((await service.run('restart')).status).toBe(0)
    expect(isAlive(keeper)).toBe(false)
    expect(Number(await ask())).toBe(service.pid())
  })

  it('stop says that it had to kill, although the keeper did', async () => {
    const service = await startService(
      { restart: 'always', stop_timeout: 300, ready: { line: 'up' } },
      "trap '' TERM\necho up\nwhile :; do sleep 1; done\n",
    )
    const { status, record } = await service.run('stop')
    expect(status).toBe(0)
    expect(record).toMatchObject({ changed: true, reason: 'it did not end within 300 ms and was killed' })
    expect((await service.run('start')).status).toBe(0)
    const { record: later } = await service.run('stop', '--timeout', '1000')
    expect(later['reason']).toBe('it did not end within 1000 ms and was killed')
  })

  it('stop waits as long as it is told to, although the keeper would not', async () => {
    const service = await startService(
      { restart: 'always', stop_timeout: 100, ready: { line: 'up' } },
      "trap 'while [ ! -e $0.go ]; do sleep 0.02; done; echo done; exit 0' TERM\necho up\nwhile :; do sleep 0.02; done\n",
    )
    const since = Date.now()
    const stopped = service.run('stop', '--timeout', '60000')
    await until('the time of the configuration is over', () => Date.now() - since > 1000)
    writeFileSync(`${service.folder}/service.sh.go`, '')
    expect((await stopped).record).toMatchObject({ state: 'stopped', changed: true, reason: null })
    expect(readFileSync(service.log, 'utf8')).toBe('up\ndone\n')
  })

  it.each(['no', 'always'])('kill does not wait for a stop that waits; restart: %s', async (restart) => {
    const service = await startService(
      { restart, stop_timeout: 100_000, ready: { line: 'up' } },
      "trap 'echo heard' TERM\necho up\nwhile :; do sleep 0.02; done\n",
    )
    const stopped = service.run('stop')
    await until('it is told to end', () => readFileSync(service.log, 'utf8').includes('heard'))
    expect((await service.run('kill')).record).toMatchObject({ state: 'stopped' })
    expect((await stopped).record).toMatchObject({ state: 'stopped', changed: true })
    expect(service.processes()).toEqual([])
  })

  it('restart gives requests in flight their time, which may be longer than that of stop', async () => {
    const modules = scratch.file('slow-sites')
    mkdirSync(modules, { recursive: true })
    writeFileSync(
      `${modules}/slow.mjs`,
      `import { existsSync } from 'node:fs'
       export default (req, res) => {
         if (req.url === '/') return res.end(String(process.pid))
         res.write('begun ')
         const timer = setInterval(() => {
           if (!existsSync(${JSON.stringify(`${modules}/go`)})) return
           clearInterval(timer)
           res.end('done')
         }, 10)
       }`,
    )
    const service = await startService({
      restart: 'always',
      stop_timeout: 100,
      drain_timeout: 20_000,
      module_paths: [modules],
      sites: [{ module: 'slow', address: '127.0.0.1', port: port + 3 }],
    })
    const old = service.pid()
    const response = await fetch(`http://127.0.0.1:${port + 3}/slow`)
    const restarted = service.run('restart')
    await until('there is another', () => service.pid() !== old)
    // The old one had its patience with kept connections, and the time of a stop.
    const since = Date.now()
    await until('the time of a stop is over', () => Date.now() - since > 1500)
    writeFileSync(`${modules}/go`, '')
    expect(await response.text()).toBe('begun done')
    expect((await restarted).record).toMatchObject({ state: 'running', reason: null })
  })

  it('in the foreground it ends with INT, and the service with it', async () => {
    const service = new TestService(scratch, {})
    const command = service.script('service.sh', 'echo up\nexec sleep 1000\n')
    service.configure({ command, restart: 'always' })
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      stdio: 'pipe',
    })
    await new Promise((resolve) => child.stdout.on('data', resolve))
    expect((await service.run('status')).status).toBe(0)
    const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])))
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    expect(service.processes()).toEqual([])
  })
})

describe('nodaemon', () => {
  it('kills in its time what ignores the signal, however often it is told to end', async () => {
    const service = new TestService(scratch, {})
    const command = service.script('service.sh', `trap '' TERM\necho up\nwhile :; do sleep 1; done\n`)
    service.configure({ command, restart: 'always', stop_timeout: 500 })
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      stdio: 'pipe',
    })
    await new Promise((resolve) => child.stdout.on('data', resolve))
    const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])))
    const insists = setInterval(() => child.kill('SIGTERM'), 50)
    expect(await ended).toEqual([0, null])
    clearInterval(insists)
    expect(service.processes()).toEqual([])
  })

  it('becomes the service itself, with its output where ours goes, and is seen by status and stop', async () => {
    const service = new TestService(scratch, {})
    service.configure({
      command: service.script('service.sh', 'echo hello\necho world >&2\nexec sleep 1000\n'),
      ...unprivileged,
    })
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      stdio: 'pipe',
    })
    const said = new Promise<string>((resolve) =>
      child.stdout.on('data', (bytes: Buffer) => resolve(bytes.toString())),
    )
    expect(await said).toBe('hello\n')
    expect((await service.run('status')).record).toMatchObject({
      state: 'running',
      pid: child.pid,
      keeper: null,
    })
    expect((await service.run('start')).record).toMatchObject({ changed: false })
    expect(readFileSync(`/proc/${child.pid}/status`, 'utf8')).toMatch(
      new RegExp(`Uid:\\s${unprivilegedUid}\\s`),
    )
    const ended = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))
    expect((await service.run('stop')).status).toBe(0)
    expect(await ended).toBe('SIGTERM')
  })

  it('is told from what else carries the INVOCATION_ID of whoever runs it', async () => {
    const INVOCATION_ID = '0123456789abcdef0123456789abcdef'
    const service = new TestService(scratch, {})
    service.configure({ command: service.script('service.sh', 'echo up\nexec sleep 1000\n') })
    const options = { env: environment({ INVOCATION_ID }), stdio: 'pipe' } as const
    const neighbour = spawn('sleep', ['1000'], options)
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], options)
    await new Promise((resolve) => child.stdout.on('data', resolve))
    const ended = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))
    expect((await service.run('stop')).status).toBe(0)
    expect(await ended).toBe('SIGTERM')
    expect(isAlive(neighbour.pid ?? 0)).toBe(true)
    neighbour.kill()
  })

  it('leaves no pidfile when it ends, of which somebody would think that the service has died', async () => {
    const service = new TestService(scratch, {})
    service.configure({ command: service.script('service.sh', 'echo up\nexec sleep 1000\n') })
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      stdio: 'pipe',
    })
    await new Promise((resolve) => child.stdout.on('data', resolve))
    const ended = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))
    child.kill('SIGINT')
    expect(await ended).toBe('SIGINT')
    expect(existsSync(service.pidfile)).toBe(false)
    const { status, record } = await service.run('status')
    expect({ status, ...record }).toMatchObject({ status: 3, state: 'stopped', pid: null })
    expect((await service.run('start')).record).toMatchObject({ state: 'running', changed: true })
  })

  it.each(['no', 'always'])('serves sites, and ends with INT; restart: %s', async (restart) => {
    const service = new TestService(scratch, {})
    writeFileSync(`${service.folder}/site.mjs`, 'export default (req, res) => res.end("here")\n')
    service.configure({ sites: [['./site.mjs', null, port + 2]], restart })
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const stderr = text(child.stderr)
    const ask = () => fetch(`http://127.0.0.1:${port + 2}/`).then((answer) => answer.text())
    await until('it serves', async () => (await ask().catch(() => '')) === 'here')
    const ended = new Promise((resolve) => child.on('close', (code, signal) => resolve([code, signal])))
    child.kill('SIGINT')
    expect(await ended).toEqual([0, null])
    expect(await stderr).toBe('')
    expect(service.processes()).toEqual([])
  })

  it('says why it cannot run, with a status of the shell', () => {
    const service = new TestService(scratch, { command: ['/nowhere/to/be/found'] })
    const { status, stderr } = spawnSync(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      encoding: 'utf8',
    })
    expect(status).toBe(127)
    expect(stderr).toContain('Cannot run "/nowhere/to/be/found": exec: No such file or directory')
  })
})

describe('logs', () => {
  it('are rotated by size between lines, and lose none', async () => {
    const path = scratch.file('big/service.log')
    const lines = 20_000
    const service = await startService(
      { log: { path, max_bytes: 65_536, max_files: 100 }, ready: 'exec' },
      `i=0; while [ $i -lt ${lines} ]; do echo "line $i"; i=$((i+1)); done; : >$0.done; exec sleep 1000\n`,
    )
    await until('all is written', () => existsSync(`${service.folder}/service.sh.done`))
    await service.run('stop')
    const folder = scratch.file('big')
    const files = readdirSync(folder).sort((a, b) => number(b) - number(a))
    expect(files.length).toBeGreaterThan(2)
    const all = files.map((name) => readFileSync(`${folder}/${name}`, 'utf8'))
    for (const text of all) expect(text.endsWith('\n')).toBe(true)
    for (const name of files) expect(statSync(`${folder}/${name}`).size).toBeLessThanOrEqual(65_536)
    expect(all.join('')).toBe(Array.from({ length: lines }, (_, i) => `line ${i}\n`).join(''))
  })

  it.skipIf(!isRoot)('are not moved on while no new one can be made', async () => {
    const disk = scratch.file('no-inodes')
    mkdirSync(disk)
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=5', 'none', disk])
    scratch.onEnd(() => void spawnSync('umount', ['-l', disk]))
    for (const n of [2, 3, 4]) writeFileSync(`${disk}/s.log.${n - 1}`, `old ${n - 1}\n`)
    const service = await startService(
      { log: { path: `${disk}/s.log`, max_bytes: 1024, max_files: 4 }, ready: 'exec' },
      `i=0; while [ $i -lt 200 ]; do i=$((i+1)); echo "line $i of many"; done\necho x > $0.said; exec sleep 1000\n`,
    )
    await until('all is said', () => existsSync(`${service.folder}/service.sh.said`))
    const newest = () => readFileSync(`${disk}/s.log.1`, 'utf8')
    await until('all is written', () => newest().includes('line 200 of many'))
    expect(newest().startsWith('line 1 of many\n')).toBe(true)
    const old = [2, 3, 4].map((n) => readFileSync(`${disk}/s.log.${n}`, 'utf8'))
    expect(old).toEqual(['old 1\n', 'old 2\n', 'old 3\n'])
    await service.run('stop')
  })

  it('are rotated by time', async () => {
    const path = scratch.file('time/service.log')
    const service = await startService(
      { log: { path, every: 1000, max_files: 3 }, ready: 'exec' },
      'while :; do echo tick; sleep 0.1; done\n',
    )
    await until('one has been put aside', () => existsSync(`${path}.2`))
    expect(readFileSync(`${path}.1`, 'utf8')).toMatch(/^(tick\n)+$/)
    await service.run('stop')
  })

  it.skipIf(!isRoot)('never stop a service on a full disk, and say afterwards what is missing', async () => {
    const disk = scratch.file('disk')
    mkdirSync(disk)
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', disk]).status).toBe(0)
    scratch.onEnd(() => void spawnSync('umount', [disk]))
    writeFileSync(`${disk}/filler`, Buffer.alloc(1_000_000))
    const service = await startService(
      { log: { path: `${disk}/s.log` }, ready: { line: 'up' } },
      // Four megabytes, of which the disk and the keeper together hold two at most; then alive and well.
      'echo up\nhead -c 4000000 /dev/zero | tr "\\\\0" x | fold -w 99; : >$0.done\nwhile :; do echo more; sleep 0.2; done\n',
    )
    await until('it has written everything', () => existsSync(`${service.folder}/service.sh.done`), 20_000)
    expect((await service.run('status')).status).toBe(0)
    unlinkSync(`${disk}/filler`)
    spawnSync('mount', ['-o', 'remount,size=16m', disk])
    await until('it is said', () =>
      /daemonize: \d+ bytes of output were lost/.test(readFileSync(`${disk}/s.log`, 'latin1')),
    )
    await until('and what follows is there', () =>
      readFileSync(`${disk}/s.log`, 'latin1').includes('\nmore\n'),
    )
    await service.run('stop')
  })

  it('go to syslog, line by line, also when it comes later', async () => {
    const path = scratch.file('syslog')
    const service = await startService(
      { log: { syslog: path }, ready: { line: 'up' } },
      'echo up\ni=0; while :; do i=$((i+1)); echo "line $i"; sleep 0.05; done\n',
    )
    const { received } = await startSyslog('syslog')
    await until('lines arrive', () => readFileSync(received, 'utf8').split('\n').length > 3)
    expect(readFileSync(received, 'utf8')).toMatch(
      new RegExp(`^<30>\\w{3} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d ${service.name}: line \\d+$`, 'm'),
    )
    await service.run('stop')
  })

  it('go to syslog with a word of what was lost, once somebody reads it again', async () => {
    // So slow that the socket is full again when that word is to go.
    const slow = { first: 'os.kill(os.getpid(),signal.SIGSTOP)', each: 'time.sleep(.0005)' }
    const { path, received, syslog } = await startSyslog('late-syslog', slow)
    const service = await startService(
      { log: { syslog: path }, ready: 'exec' },
      'head -c 2000000 /dev/zero | tr "\\0" x | fold -w 1000; : >$0.said; exec sleep 1000\n',
    )
    await until('all is said', () => existsSync(`${service.folder}/service.sh.said`))
    syslog.kill('SIGCONT')
    await until('it is said', () =>
      /: daemonize: \d+ bytes of output were lost: no room$/m.test(readFileSync(received, 'utf8')),
    )
    await service.run('stop')
  })

  it('go to syslog whole, in several messages what is too long for one', async () => {
    const { path, received } = await startSyslog('long-syslog')
    const service = await startService(
      { log: { syslog: path }, ready: 'exec' },
      'for n in 1 2 3 4 5; do head -c 60000 /dev/zero | tr "\\0" x; sleep 0.1; done; echo; echo next; exec sleep 1000\n',
    )
    await until('all has arrived', () => readFileSync(received, 'utf8').endsWith(': next\n'))
    const said = readFileSync(received, 'utf8').replace(/^<30>.*?: /gm, '')
    expect(said.replaceAll('\n', '')).toBe(`${'x'.repeat(300_000)}next`)
    await service.run('stop')
  })

  it('go to syslog as fast as it reads, to the last word of a service that ends', async () => {
    const { path, received } = await startSyslog('busy-syslog')
    const service = await startService(
      { log: { syslog: path }, ready: 'exec', stop_timeout: 9000 },
      'while [ ! -e $0.go ]; do sleep 0.02; done\ni=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line $i"; done; echo last words; exit 1\n',
    )
    writeFileSync(`${service.folder}/service.sh.go`, '')
    await until('it has ended', async () => (await service.run('status')).status === 1)
    await until('all has arrived', () => readFileSync(received, 'utf8').includes('last words'), 3000)
    const lines = readFileSync(received, 'utf8').match(/: line \d+$/gm)
    expect(lines).toHaveLength(3000)
  })

  it.skipIf(!isRoot)(
    'go to the journal, each line an entry of the service, however long, and again after it has been away',
    () => {
      const service = new TestService(scratch, {})
      const long = 300_000
      service.configure({
        // Longer than a datagram may be; bytes that are not UTF-8; a line without its end.
        command: service.script(
          'service.sh',
          `echo 'one  two=three'\nhead -c ${long} /dev/zero | tr '\\0' x; echo\nprintf 'caf\\351\\n'\necho up\nwhile [ ! -e $0.go ]; do sleep 0.02; done\necho again\nprintf 'the end'; : >$0.said; exec sleep 1000\n`,
        ),
        log: 'journal',
        ready: { line: '^up$' },
      })
      const act = (command: string) =>
        `${process.execPath} ${daemonize} ${service.conf} ${command} >/dev/null || exit 9`
      const script = `
      mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal || exit 8
      journald() { /lib/systemd/systemd-journald & pid=$!; while ! test -S /run/systemd/journal/socket; do sleep 0.05; done; }
      shown() { journalctl -D /run/log/journal -o json --all --no-pager SYSLOG_IDENTIFIER=${service.name} 2>/dev/null; }
      has() { until shown | grep -q "$1"; do sleep 0.05; done; }
      journald
      ${act('start')}
      has '"up"'
      kill $pid; wait $pid; rm -f /run/systemd/journal/socket
      journald
      : >${service.folder}/service.sh.go
      has '"again"'
      until test -e ${service.folder}/service.sh.said; do sleep 0.05; done
      cat ${service.pidfile} >&2
      ${act('stop')}
      has 'the end'
      shown; kill $pid`
      const { stdout, stderr, status } = spawnSync('unshare', ['-m', 'bash', '-c', script], {
        env: environment(),
        encoding: 'utf8',
        timeout: 50_000,
        maxBuffer: 1e8,
      })
      expect(status).toBe(0)
      const entries = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>)
      const messages = entries.map(({ MESSAGE }) => MESSAGE)
      expect(messages).toEqual([
        'one  two=three',
        'x'.repeat(long),
        [99, 97, 102, 233],
        'up',
        'again',
        'the end',
      ])
      const [pid] = stderr.trim().split('\n').slice(-1)
      expect(entries[0]).toMatchObject({
        OBJECT_PID: pid,
        PRIORITY: '6',
        SYSLOG_FACILITY: '3',
        _TRANSPORT: 'journal',
      })
    },
  )

  it('are shown, the last of them, and followed over a rotation', async () => {
    const path = scratch.file('follow/service.log')
    const service = await startService(
      { log: { path, max_bytes: 2048, max_files: 3 }, ready: 'exec' },
      'for i in 1 2 3; do echo "first $i"; done\nwhile [ ! -e $0.go ]; do sleep 0.02; done\ni=0; while [ $i -lt 300 ]; do i=$((i+1)); echo "line $i"; done; exec sleep 1000\n',
    )
    await until('it has begun', () => existsSync(path) && readFileSync(path, 'utf8').includes('first 3'))
    const { records } = await service.run('logs', '-n', '2')
    expect(records).toEqual([2, 3].map((i) => ({ type: 'log', name: service.name, text: `first ${i}` })))
    const follower = spawn(process.execPath, [daemonize, '--follow', '-n', '1', service.conf, 'logs'], {
      env: environment(),
      stdio: 'pipe',
    })
    let text = ''
    follower.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    await until('it follows', () => text.includes('first 3'))
    writeFileSync(`${service.folder}/service.sh.go`, '')
    await until('the last line is there', () => text.includes('"line 300"'))
    const ended = new Promise((resolve) => follower.on('close', resolve))
    follower.kill('SIGTERM')
    await ended
    await service.run('stop')
  })

  it('are as many as were asked for, however many come meanwhile, and one that is not ended', async () => {
    const path = scratch.file('busy/service.log')
    const service = await startService({ log: { path }, ready: 'exec' }, 'exec yes\n')
    await until('it is busy', () => existsSync(path) && statSync(path).size > 100_000)
    const { status, records } = await service.run('logs', '-n', '2')
    expect({ status, count: records.length }).toEqual({ status: 0, count: 2 })
    await service.run('kill')
    writeFileSync(path, 'one\ntwo\nthree')
    const last = await service.run('logs', '-n', '2')
    expect(last.records.map(({ text }) => text)).toEqual(['two', 'three'])
  })

  it('are the last of them too when the file has just been rotated', async () => {
    const path = scratch.file('rotated/service.log')
    const service = new TestService(scratch, { command: ['sleep', '1'], log: { path, max_files: 3 } })
    mkdirSync(dirname(path))
    writeFileSync(`${path}.4`, 'of earlier\n')
    writeFileSync(`${path}.3`, 'zero\none\n')
    writeFileSync(`${path}.2`, 'two\nthree\n')
    writeFileSync(`${path}.1`, 'four')
    writeFileSync(path, '')
    const last = async (count: number) =>
      (await service.run('logs', '-n', `${count}`)).records.map(({ text }) => text)
    expect(await last(0)).toEqual([])
    expect(await last(1)).toEqual(['four'])
    expect(await last(2)).toEqual(['three', 'four'])
    writeFileSync(path, 'five\nsix\n')
    expect(await last(2)).toEqual(['five', 'six'])
    expect(await last(6)).toEqual(['one', 'two', 'three', 'four', 'five', 'six'])
    expect(await last(100)).toEqual(['zero', 'one', 'two', 'three', 'four', 'five', 'six'])
  })

  it('have a line in pieces that is too long for one', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1'] })
    const long = 'x'.repeat(3 * 1024 * 1024)
    writeFileSync(service.log, `${long}\nshort\n`)
    const { status, records } = await service.run('logs')
    const texts = records.map(({ text }) => String(text))
    expect({ status, last: texts.at(-1), isWhole: texts.slice(0, -1).join('') === long }).toEqual({
      status: 0,
      last: 'short',
      isWhole: true,
    })
  })

  it('lack no line when followed that came just before the rotation', async () => {
    const path = scratch.file('gap/service.log')
    const service = await startService(
      { log: { path, max_bytes: 2048, max_files: 3 }, ready: 'exec' },
      'echo first\nwhile [ ! -e $0.go ]; do sleep 0.02; done\ni=0; while [ $i -lt 300 ]; do i=$((i+1)); echo "line $i"; done; exec sleep 1000\n',
    )
    await until('it has begun', () => existsSync(path) && statSync(path).size > 0)
    // What a busy machine does by chance: a while passes between the last read and the look at what is current.
    const delayed = ['-D', '-f', '-o', '/dev/null', '-P', path, '-e', 'inject=statx:delay_enter=500000']
    const follower = spawn(
      'strace',
      [...delayed, process.execPath, daemonize, service.conf, 'logs', '--follow'],
      { env: environment(), stdio: 'pipe' },
    )
    let text = ''
    follower.stdout.on('data', (bytes: Buffer) => (text += bytes.toString()))
    await until('it follows', () => text.includes('first'))
    writeFileSync(`${service.folder}/service.sh.go`, '')
    await until('the last line is there', () => text.includes('"line 300"'))
    const lines = [...text.matchAll(/"line (\d+)"/g)].map(([, line]) => Number(line))
    expect(lines).toEqual(Array.from({ length: 300 }, (_, index) => index + 1))
    const ended = new Promise((resolve) => follower.on('close', resolve))
    follower.kill('SIGTERM')
    await ended
    await service.run('stop')
  })

  it.each([
    [300, []],
    [600, ['lines may have been rotated away before they were read']],
  ])('are followed over several rotations at once, of %i lines', async (count, said) => {
    const path = scratch.file(`several-${count}/service.log`)
    const service = await startService(
      { log: { path, max_bytes: 1024, max_files: 2 }, ready: 'exec' },
      `echo first\nwhile [ ! -e $0.go ]; do sleep 0.02; done\ni=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "line $i"; done; exec sleep 1000\n`,
    )
    await until('it has begun', () => existsSync(path) && statSync(path).size > 0)
    const follower = spawn(process.execPath, [daemonize, service.conf, 'logs', '--follow'], {
      env: environment(),
      stdio: 'pipe',
    })
    scratch.onEnd(() => void follower.kill('SIGKILL'))
    let [got, messages] = ['', '']
    follower.stdout.on('data', (bytes: Buffer) => (got += bytes.toString()))
    follower.stderr.on('data', (bytes: Buffer) => (messages += bytes.toString()))
    await until('it follows', () => got.includes('first'))
    follower.kill('SIGSTOP')
    writeFileSync(`${service.folder}/service.sh.go`, '')
    // While it is rotated there is none for a moment.
    const written = () => spawnSync('cat', [path], { encoding: 'utf8' }).stdout
    await until('all is written', () => written().includes(`line ${count}\n`))
    expect(readFileSync(`${path}.2`, 'utf8').includes('first')).toBe(said.length === 0)
    follower.kill('SIGCONT')
    await until('the last line is there', () => got.includes(`"line ${count}"`))
    const lines = [...got.matchAll(/"line (\d+)"/g)].map(([, line]) => Number(line))
    const kept = said.length === 0 ? 1 : Number(/\d+/.exec(readFileSync(`${path}.2`, 'utf8')))
    const expected = Array.from({ length: count - kept + 1 }, (_, index) => kept + index)
    expect(lines.filter((line) => line >= kept)).toEqual(expected)
    const ended = new Promise((resolve) => follower.on('close', resolve))
    follower.kill('SIGTERM')
    await ended
    expect(messages).toBe(said.map((each) => `daemonize: ${service.name}: ${each}\n`).join(''))
    await service.run('stop')
  })

  it.each([
    ['a FIFO', 'mkfifo', 'not a regular file'],
    ['a directory', 'mkdir', 'not a regular file'],
    ['a link', 'ln -s /etc/passwd', 'is a symbolic link'],
  ])('are not looked for in %s', async (_, make, reason) => {
    const service = new TestService(scratch, { command: ['sleep', '1'] })
    expect(spawnSync('sh', ['-c', `${make} ${service.log}`]).status).toBe(0)
    const { status, stderr, records } = await service.run('logs')
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `daemonize: Cannot read "${service.log}": ${reason}\n`,
    })
    expect(records).toMatchObject([{ type: 'service' }])
  })

  it('are not followed where there is no folder for them', async () => {
    const service = new TestService(scratch, {})
    service.configure({ command: ['sleep', '1'], log: 'nowhere/service.log' })
    const { status, stderr } = await service.run('logs', '--follow')
    expect(status).toBe(1)
    expect(stderr).toBe(`daemonize: Cannot read "${service.folder}/nowhere": no such file or directory\n`)
  })
})

function number(name: string): number {
  return Number(/\.(\d+)$/.exec(name)?.[1] ?? 0)
}

describe('the REPL', () => {
  const modules = scratch.file('repl')
  mkdirSync(modules)
  writeFileSync(
    `${modules}/counter.mjs`,
    'export const seen = { count: 0 }\nexport function handle(req, res) { seen.count++; res.end("ok") }\n',
  )

  it('on a socket: evaluates, sees the live sites, and is only for its user', async () => {
    const socket = scratch.file('repl.sock')
    const service = await startService({
      ...unprivileged,
      repl: socket,
      module_paths: [modules],
      sites: [['counter', 'r.test', port]],
    })
    expect(statSync(socket)).toMatchObject({ mode: 0o140600, uid: unprivilegedUid })
    const nc = spawnSync('nc', ['-UN', socket], {
      input: '1+1\nsites[0].host\nawait Promise.resolve(42)\n.exit\n',
      encoding: 'utf8',
    })
    expect(nc.stdout).toContain('> 2\n')
    expect(nc.stdout).toContain("'r.test'")
    expect(nc.stdout).toContain('42')
    const own = await runDaemonize([service.conf, 'repl'], { input: 'sites.length * 10\n.exit\n' })
    expect(own.stdout).toContain('10')
    // Still there after an exchange, and gone after a stop.
    expect((await service.run('reload')).status).toBe(0)
    expect((await runDaemonize([service.conf, 'repl'], { input: '6*7\n.exit\n' })).stdout).toContain('42')
    await service.run('stop')
    expect(existsSync(socket)).toBe(false)
  })

  it.skipIf(!isRoot)('on a socket: is the new user’s, and not the old one’s, after a reload', async () => {
    const socket = scratch.file('handed.sock')
    const sites = { repl: socket, module_paths: [modules], sites: [['counter', 'r.test', port]] }
    const service = await startService({ ...sites, user: 'nobody' })
    for (const [user, uid] of [
      ['daemon', 1],
      ['root', 0],
    ] as const) {
      service.configure({ ...sites, user, cachedir: `${service.folder}/cache-${user}` })
      expect((await service.run('reload')).status).toBe(0)
      expect(statSync(socket)).toMatchObject({ mode: 0o140600, uid })
    }
    // Of a reload that failed nothing stays that would pass for the socket of who serves.
    service.configure({ ...sites, user: 'daemon', load: ['nowhere'] })
    expect((await service.run('reload')).status).toBe(1)
    expect(existsSync(socket)).toBe(false)
    service.configure({ ...sites, user: 'daemon' })
    expect((await service.run('reload')).status).toBe(0)
    expect((await runDaemonize([service.conf, 'repl'], { input: '6*7\n.exit\n' })).stdout).toContain('42')
    await service.run('stop')
  })

  it('on TCP: only with the token, and no client ends the server by going away', async () => {
    const service = await startService({
      repl: port + 1,
      module_paths: [modules],
      sites: [['counter', 'r.test', port]],
    })
    expect(statSync(`${service.folder}/run/s.token`).mode & 0o777).toBe(0o600)
    const answer = await new Promise<string>((resolve) => {
      let got = ''
      const socket = connect(port + 1, '127.0.0.1', () => socket.write('guess\n1+1\n'))
      socket
        .on('data', (bytes) => (got += bytes.toString()))
        .on('error', () => resolve(got))
        .on('close', () => resolve(got))
    })
    expect(answer).toBe('')
    const token = readFileSync(`${service.folder}/run/s.token`)
    await new Promise<void>((resolve) => {
      const gone = connect(port + 1, '127.0.0.1', () => gone.write(token))
      // In the middle of it, as from a machine that breaks down.
      gone.on('data', () => gone.resetAndDestroy()).on('close', () => resolve())
    })
    expect((await runDaemonize([service.conf, 'repl'], { input: '6*7\n.exit\n' })).stdout).toContain('42')
    expect((await service.run('status')).record['state']).toBe('running')
    await service.run('stop')
  })

  it('on TCP: waits for the token of nobody for long', async () => {
    const service = await startService({
      repl: port + 1,
      module_paths: [modules],
      sites: [['counter', 'r.test', port]],
    })
    const talker = readFileSync(`${service.folder}/run/s.token`)
    const known = connect(port + 1, '127.0.0.1', () => known.write(talker))
    const ends = [0, 1].map(
      (isSlow) =>
        new Promise<void>((resolve) => {
          const socket = connect(port + 1, '127.0.0.1')
          const timer = setInterval(() => isSlow && socket.write('x'), 100)
          socket.on('error', () => undefined).on('close', () => resolve(clearInterval(timer)))
        }),
    )
    await Promise.all(ends)
    const answer = new Promise((resolve) =>
      known.on('data', (bytes) => /42/.test(String(bytes)) && resolve('42')),
    )
    known.write('6*7\n')
    expect(await answer).toBe('42')
    known.destroy()
    await service.run('stop')
  })

  it('on TCP: has its token still when another start has failed, and no longer when one has not', async () => {
    const sites = { repl: port + 1, module_paths: [modules], sites: [['counter', 'r.test', port]] }
    const service = await startService(sites)
    const token = `${service.folder}/run/s.token`
    const first = readFileSync(token, 'utf8')
    for (const command of ['restart', 'reload']) {
      service.configure({ ...sites, load: ['nowhere'] })
      expect((await service.run(command)).status).toBe(1)
      expect(readdirSync(`${service.folder}/run`).sort()).toEqual(['s.lock', 's.pid', 's.state', 's.token'])
      expect((await runDaemonize([service.conf, 'repl'], { input: '6*7\n.exit\n' })).stdout).toContain('42')
    }
    service.configure(sites)
    expect((await service.run('restart')).status).toBe(0)
    expect(readFileSync(token, 'utf8')).not.toBe(first)
    expect((await runDaemonize([service.conf, 'repl'], { input: '6*7\n.exit\n' })).stdout).toContain('42')
    await service.run('stop')
    expect(readdirSync(`${service.folder}/run`)).toEqual(['s.lock'])
  })

  it('on TCP: takes no other file for its token, and tells nobody what is in one', async () => {
    const sites = { repl: port + 1, module_paths: [modules], sites: [['counter', 'r.test', port]] }
    const precious = scratch.file('precious')
    writeFileSync(precious, 'precious\n')
    writeFileSync(scratch.file('other.new'), 'precious\n')
    const service = new TestService(scratch, {})
    for (const [token, path] of [
      [scratch.file('other'), scratch.file('other.new')],
      [precious, precious],
    ]) {
      service.configure({ ...sites, repl_token_file: token })
      const { status, stderr } = await service.run('start')
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `daemonize: Cannot create "${path}": there is something else: it holds no token\n`,
      })
    }
    await service.run('stop')
    const heard: string[] = []
    const other = createServer((socket) => socket.on('data', (bytes) => heard.push(String(bytes))))
    await new Promise<void>((resolve) => other.listen(port + 1, '127.0.0.1', resolve))
    expect((await runDaemonize([service.conf, 'repl'])).stderr).toContain('its token: it holds no token')
    await new Promise((resolve) => other.close(resolve))
    expect(heard).toEqual([])
    for (const path of [precious, scratch.file('other.new')])
      expect(readFileSync(path, 'utf8')).toBe('precious\n')
  })
})

function cgroupOf(service: TestService): string {
  return String((JSON.parse(readFileSync(service.state, 'utf8')) as { cgroup: string }).cgroup)
}
