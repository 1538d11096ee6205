// Every command in every state: its LSB status, the state afterwards, and that no process is lost or hit by mistake.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { daemonize, isAlive, TestService, until } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'

const scratch = new Scratch('daemonize-states')
const commands = ['start', 'stop', 'restart', 'kill', 'zap', 'status', 'reload'] as const

type Prepared = {
  service: TestService
  bystander?: ChildProcess
  /** What must be gone or stay. */ before: number[]
}

const sleeper = 'exec sleep 1000\n'
// The shell that waits is the one that hears the signals; sleep is its child.
const waiting = 'while :; do sleep 1000 & wait $!; done\n'

async function started(body: string, config: Record<string, unknown> = {}): Promise<Prepared> {
  const service = new TestService(scratch, { ready: { line: 'up' }, reload_signal: 'USR1', ...config })
  const command = service.script('service.sh', `trap 'echo reloaded' USR1\necho up\n${body}`)
  service.configure({ ready: { line: 'up' }, reload_signal: 'USR1', stop_timeout: 300, command, ...config })
  const { status, stderr } = await service.run('start')
  expect(stderr).toBe('')
  expect(status).toBe(0)
  // Not whatever has the name: a shell that has forked, and not become sleep yet, is there for a moment.
  return { service, before: [service.pid()] }
}

function bystander(): ChildProcess {
  const child = spawn('sleep', ['1000'])
  scratch.onEnd(() => void child.kill('SIGKILL'))
  return child
}

/** A service whose parent never reaps: killed, it stays as a zombie. */
async function zombie(): Promise<Prepared> {
  const prepared = await started(sleeper)
  await prepared.service.run('stop')
  const subreaper = [
    'import ctypes, subprocess, sys, time',
    'ctypes.CDLL(None).prctl(36, 1)',
    'sys.exit(1) if subprocess.call(sys.argv[1:]) else None',
    'print("up", flush=True)',
    'time.sleep(1000)',
  ].join('\n')
  const parent = spawn('python3', [
    '-c',
    subreaper,
    process.execPath,
    daemonize,
    prepared.service.conf,
    'start',
  ])
  scratch.onEnd(() => void parent.kill('SIGKILL'))
  await new Promise((resolve, reject) => parent.stdout.on('data', resolve).on('close', reject))
  await until('the pidfile is there', () => prepared.service.hasRecords())
  const pid = prepared.service.pid()
  process.kill(pid, 'SIGKILL')
  await until('it is a zombie', () => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')))
  return { ...prepared, before: [] }
}

const states: Record<string, () => Promise<Prepared>> = {
  running: () => started(waiting),
  stopped: async () => {
    const prepared = await started(waiting)
    await prepared.service.run('stop')
    return prepared
  },
  'stale pidfile': async () => {
    const prepared = await started(waiting)
    await prepared.service.run('stop')
    const gone = spawn('true')
    await new Promise((resolve) => gone.on('close', resolve))
    writeFileSync(prepared.service.pidfile, `${gone.pid}\n`)
    return prepared
  },
  'reused pid': async () => {
    const prepared = await started(waiting)
    const record = JSON.parse(readFileSync(prepared.service.state, 'utf8')) as Record<string, unknown>
    await prepared.service.run('stop')
    const other = bystander()
    writeFileSync(prepared.service.pidfile, `${other.pid}\n`)
    writeFileSync(prepared.service.state, JSON.stringify({ ...record, pid: other.pid, session: other.pid }))
    return { ...prepared, bystander: other }
  },
  hung: () => started(`trap 'while :; do sleep 1; done' TERM\n${waiting}`),
  suspended: async () => {
    const prepared = await started(waiting)
    process.kill(prepared.service.pid(), 'SIGSTOP')
    return prepared
  },
  zombie,
  'ignoring TERM': () => started(`trap '' TERM\n${waiting}`),
  crashed: async () => {
    const prepared = await started('sleep 0.1; exit 3\n')
    await until('it has crashed', () => prepared.service.processes().length === 0)
    return prepared
  },
  'with children that escaped': async () => {
    const service = new TestService(scratch, {})
    const child = service.script('child.sh', sleeper.replace('exec ', ''))
    const command = service.script(
      'service.sh',
      `trap 'echo reloaded' USR1\n(setsid ${child.join(' ')} &)\n(env -i setsid ${child.join(' ')} &)\necho up\n${waiting}`,
    )
    service.configure({ command, ready: { line: 'up' }, reload_signal: 'USR1', stop_timeout: 300 })
    expect((await service.run('start')).status).toBe(0)
    await until('the children are there', () => service.processes().length === 3)
    return { service, before: service.processes() }
  },
}

/** Status and state after each command: s same incarnation, n new one, - none. */
const table: Record<string, Record<(typeof commands)[number], string>> = {
  //                                  LSB: stop of what is stopped 0, reload of it 7, status 0 1 3
  running: { start: '0s', stop: '0-', restart: '0n', kill: '0-', zap: '1s', status: '0s', reload: '0s' },
  stopped: { start: '0n', stop: '0-', restart: '0n', kill: '0-', zap: '0-', status: '3-', reload: '7-' },
  'stale pidfile': {
    start: '0n',
    stop: '0-',
    restart: '0n',
    kill: '0-',
    zap: '0-',
    status: '1-',
    reload: '7-',
  },
  'reused pid': { start: '0n', stop: '0-', restart: '0n', kill: '0-', zap: '0-', status: '1-', reload: '7-' },
  hung: { start: '0s', stop: '0-', restart: '0n', kill: '0-', zap: '1s', status: '0s', reload: '0s' },
  suspended: { start: '0s', stop: '0-', restart: '0n', kill: '0-', zap: '1s', status: '0s', reload: '0s' },
  zombie: { start: '0n', stop: '0-', restart: '0n', kill: '0-', zap: '0-', status: '1-', reload: '7-' },
  'ignoring TERM': {
    start: '0s',
    stop: '0-',
    restart: '0n',
    kill: '0-',
    zap: '1s',
    status: '0s',
    reload: '0s',
  },
  crashed: { start: '0n', stop: '0-', restart: '0n', kill: '0-', zap: '0-', status: '1-', reload: '7-' },
  'with children that escaped': {
    start: '0s',
    stop: '0-',
    restart: '0n',
    kill: '0-',
    zap: '1s',
    status: '0s',
    reload: '0s',
  },
}

/** Who has left nothing of himself is known by his cgroup, and only root makes one. */
const isKnown = (state: string) => process.getuid?.() === 0 || state !== 'with children that escaped'

describe.each(Object.keys(states).filter(isKnown))('daemonize on a service that is %s', (state) => {
  it.each(commands)('%s', async (command) => {
    const prepare = states[state]
    const [expectedStatus, after] = table[state]?.[command] ?? ''
    if (!prepare) throw new Error(state)
    const { service, before, bystander: other } = await prepare()
    const { status, record, stderr } = await service.run(command)
    expect({ status, stderr: status === 0 || command === 'status' ? stderr : '' }).toEqual({
      status: Number(expectedStatus),
      stderr: '',
    })
    expect(record).toMatchObject({ type: 'service', name: service.name, command })
    if (other?.pid !== undefined) expect(isAlive(other.pid)).toBe(true)

    if (after === 's') {
      expect(record).toMatchObject({ state: 'running', pid: service.pid() })
      await until('the same are there', () => service.processes().join() === before.join())
    } else {
      const survivors = before.filter(isAlive)
      expect(survivors).toEqual([])
    }
    if (after === 'n') {
      expect(record).toMatchObject({ state: 'running', pid: service.pid(), changed: true })
    }
    if (after === '-') {
      expect(record['pid']).toBeNull()
      expect(service.processes()).toEqual([])
      // Only looking leaves what there is.
      const looked = command === 'status' || command === 'reload'
      if (!looked) expect(service.hasRecords()).toBe(false)
    }
    await service.run('kill')
    expect(service.processes()).toEqual([])
  })
})

describe('daemonize on a service that never becomes ready', () => {
  const never = (config: Record<string, unknown> = {}, first = '') => {
    const service = new TestService(scratch, {})
    const command = service.script('service.sh', `${first}echo waiting for the database >&2\n${waiting}`)
    service.configure({ command, ready: { fd: 5 }, start_timeout: 60_000, stop_timeout: 300, ...config })
    return service
  }

  it('start fails when the time is up, with its last words, and nothing is left', async () => {
    const service = never({ start_timeout: 300 })
    const { status, stderr, record } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain('was not ready within 300 ms')
    expect(stderr).toContain('waiting for the database')
    expect(record).toMatchObject({ state: 'stopped', pid: null })
    expect(service.processes()).toEqual([])
    expect(service.hasRecords()).toBe(false)
  })

  it.each([
    ['stop', 0],
    ['kill', 0],
  ] as const)('%s ends a start that is under way', async (command, expected) => {
    const service = never()
    const starting = service.run('start')
    await until('it is being started', () => service.processes().length > 0)
    expect((await service.run('status')).status).toBe(3)
    const ended = await service.run(command)
    expect(ended.status).toBe(expected)
    expect((await starting).status).toBe(1)
    expect(service.processes()).toEqual([])
    expect(service.hasRecords()).toBe(false)
  })

  it.each([
    ['stop', { stop_timeout: 100 }],
    ['kill', { stop_timeout: 600_000 }],
  ] as const)('%s ends a start under way of what ignores TERM', async (command, config) => {
    const service = never({ ...config, start_timeout: 600_000 }, `trap '' TERM\n`)
    const starting = service.run('start')
    const said = () => existsSync(service.log) && readFileSync(service.log).length > 0
    await until('it ignores TERM', said)
    expect((await service.run(command)).status).toBe(0)
    expect((await starting).status).toBe(1)
    expect(service.processes()).toEqual([])
    expect(service.hasRecords()).toBe(false)
  })

  it.each(['status', 'reload', 'zap'] as const)(
    '%s of a start under way touches nothing',
    async (command) => {
      const service = never({ start_timeout: 600 })
      const starting = service.run('start')
      await until('it is being started', () => service.processes().length > 0)
      const { status } = await service.run(command)
      expect(status).toBe({ status: 3, reload: 7, zap: 0 }[command])
      expect((await starting).status).toBe(1)
      expect(service.processes()).toEqual([])
    },
  )

  it('a starter that is killed takes what it started with it', async () => {
    const service = never()
    const starter = spawn(process.execPath, [daemonize, service.conf, 'start'])
    await until('it is being started', () => service.processes().length > 0)
    starter.kill('SIGKILL')
    await until('nothing is left', () => service.processes().length === 0)
    expect(service.hasRecords()).toBe(false)
  })
})

describe('reload', () => {
  it('has failed when the program ends at the signal', async () => {
    const { service } = await started(sleeper)
    const { status, stderr } = await service.run('reload')
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: 'daemonize: it has ended at the reload signal\n',
    })
    expect((await service.run('status')).status).toBe(1)
    await service.run('stop')
  })
})
