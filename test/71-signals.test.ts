// SIGTERM and SIGINT in the middle of whatever a program does: it ends by that signal, in silence, and
// leaves nothing behind: no process, socket or temporary file.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment, root } from './support/shell.ts'
import { TestStore } from './support/store.ts'
import { until } from './support/until.ts'

const scratch = new Scratch('signals')
const runtime = scratch.file('runtime')
const temporary = scratch.file('tmp')
const store = new TestStore(scratch, 'daemon')
let jobs = 0

/** A process in the middle of its work; its environment names it, and whatever it started. */
class Job {
  readonly child: ChildProcess
  readonly mark = `MARK=signals-${process.pid}-${++jobs}`
  stdout = ''
  stderr = ''

  constructor(program: string, args: readonly string[], runBy: readonly string[] = []) {
    const [name = '', value] = this.mark.split('=')
    const [first, ...words] = [
      ...runBy,
      process.execPath,
      `${root}/packages/${program}/bin/${program}.cjs`,
      ...args,
    ]
    this.child = spawn(first ?? '', words, {
      cwd: scratch.path,
      env: environment({
        XDG_RUNTIME_DIR: runtime,
        TMPDIR: temporary,
        GUIX_DAEMON_SOCKET: store.socket,
        [name]: value,
      }),
      stdio: 'pipe',
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text))
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.child.stdin?.on('error', () => undefined)
  }

  /** Gives it a record of a type that it does not know, which it passes on: then it is reading. */
  async isReading(): Promise<void> {
    this.child.stdin?.write('{"type":"note"}\n')
    await this.wrote('{"type":"note"}\n')
  }

  async wrote(text: string): Promise<void> {
    await until(() => this.stdout.includes(text))
  }

  /** Its processes that are there. */
  left(): string[] {
    return readdirSync('/proc').filter(
      (name) => /^\d+$/.test(name) && environmentOf(name).includes(this.mark),
    )
  }
}

/** Empty for what has ended or is not ours to see. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
  } catch {
    return []
  }
}

/** Something that accepts connections, and says nothing. */
async function startSilence(where: { path: string } | { port: number; host: string }) {
  const server = createServer().listen(where)
  await once(server, 'listening')
  scratch.onEnd(() => void server.close())
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? String(address.port) : ''
  return { port, called: once(server, 'connection') }
}

const sleeper = (name: string) => `touch ${scratch.file(name)}; exec sleep 1000`
const made = (name: string) => () => until(() => existsSync(scratch.file(name)))

function configure(name: string, more: object = {}): string {
  const folder = scratch.file(`${name}.d`)
  const settings = { name, pidfile: `${folder}/pid`, cachedir: `${folder}/cache`, log: `${folder}/log` }
  const file = scratch.file(`${name}.json`)
  writeFileSync(file, JSON.stringify({ ...settings, command: ['/bin/sh', '-c', sleeper(name)], ...more }))
  return file
}

type Work = {
  does: string
  start: () => Promise<Job> | Job
  ready?: (job: Job) => Promise<void>
  says?: string
}

const reading = (does: string, program: string, ...args: string[]): Work => ({
  does,
  start: () => new Job(program, args),
  ready: (job) => job.isReading(),
})

const works = (signal: string): readonly Work[] => [
  reading('connect waits for connections', 'connect', 'sudo'),
  reading('propapply waits for connections', 'propapply', '-p', 'file.does-not-exist path=/nowhere/x'),
  reading('daemonize waits for services', 'daemonize', 'status'),
  reading('store-cli waits for paths', 'store-cli', 'valid'),
  {
    does: 'connect serves a connection',
    start: () => new Job('connect', ['local', '-n']),
    ready: (job) => job.wrote('"type":"end"'),
  },
  {
    does: 'connect enters a hop that does not answer',
    async start() {
      const { port, called } = await startSilence({ port: 0, host: '127.0.0.1' })
      const job = new Job('connect', ['ssh', '-n', '-F', '/dev/null', '-p', port, 'root@127.0.0.1'])
      await called
      return job
    },
  },
  {
    does: 'connect runs a command',
    start: () => new Job('connect', ['exec', '-n', '--', 'sh', '-c', 'echo up; sleep 1000']),
    ready: (job) => job.wrote('up\n'),
  },
  {
    does: 'connect puts what is not yet there',
    start() {
      mkdirSync(scratch.file(`put-${signal}`))
      return new Job('connect', ['put', '-n', '-', scratch.file(`put-${signal}/file`)])
    },
    ready: () => until(() => readdirSync(scratch.file(`put-${signal}`)).length > 0),
    // Its record has this as the reason why there is no file.
    says: 'connect: The run was cancelled\n',
  },
  {
    does: 'propapply applies a property',
    start: () => new Job('propapply', ['-n', '-p', `cmd.single command="${sleeper(`applied-${signal}`)}"`]),
    ready: made(`applied-${signal}`),
  },
  {
    does: 'daemonize keeps a service in the foreground',
    start: () => new Job('daemonize', [configure(`foreground-${signal}`), 'nodaemon']),
    ready: made(`foreground-${signal}`),
  },
  {
    does: 'daemonize starts a service that is not ready',
    start: () => new Job('daemonize', [configure(`never-${signal}`, { ready: 'notify' }), 'start']),
    ready: made(`never-${signal}`),
    // Its record has this as the reason why there is no service.
    says: 'daemonize: The run was cancelled\n',
  },
  {
    does: 'daemonize stops a service that does not end',
    async start() {
      const name = `stubborn-${signal}`
      const command = ['/bin/sh', '-c', `trap 'touch ${scratch.file(name)}' TERM; while :; do sleep 1; done`]
      const conf = configure(name, { command, stop_timeout: 600_000 })
      const start = new Job('daemonize', [conf, 'start'])
      await once(start.child, 'close')
      scratch.onEnd(async () => void (await once(new Job('daemonize', [conf, 'kill']).child, 'close')))
      return new Job('daemonize', [conf, 'stop'])
    },
    ready: made(`stubborn-${signal}`),
    says: 'daemonize: The run was cancelled\n',
  },
  {
    does: 'store-daemon serves',
    start() {
      const [items, state] = [scratch.file(`items-${signal}`), scratch.file(`state-${signal}`)]
      return new Job('store-daemon', ['--store', items, '--state', state])
    },
    ready: made(`state-${signal}/daemon-socket/socket`),
  },
  {
    does: 'store-cli waits for a daemon that does not answer',
    async start() {
      const path = scratch.file(`silent-${signal}`)
      const { called } = await startSilence({ path })
      const job = new Job('store-cli', ['gc', '--socket', path])
      await called
      return job
    },
  },
]

beforeAll(async () => {
  mkdirSync(runtime, { mode: 0o700 })
  mkdirSync(temporary)
  await store.start()
})

describe.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s while', (signal) => {
  test.each(works(signal))('$does', async ({ start, ready, says = '' }) => {
    const job = await start()
    const closed = once(job.child, 'close')
    await ready?.(job)
    job.child.kill(signal)
    const [status, by] = await closed
    expect({ status, by, stderr: job.stderr }).toEqual({ status: null, by: signal, stderr: says })
    await until(() => job.left().length === 0)
    const sockets = existsSync(`${runtime}/plumbline`) ? readdirSync(`${runtime}/plumbline`) : []
    expect({ sockets, temporary: readdirSync(temporary) }).toEqual({ sockets: [], temporary: [] })
    expect(existsSync(scratch.file(`state-${signal}/daemon-socket/socket`))).toBe(false)
    for (const name of ['foreground', 'never'])
      expect(existsSync(scratch.file(`${name}-${signal}.d/pid`))).toBe(false)
  })
})

/** Its command is running and it never gets ready. */
async function startNeverReady(name: string, more: object = {}): Promise<Job> {
  const job = new Job('daemonize', [configure(name, { ready: 'notify', ...more }), 'start'])
  await made(name)()
  return job
}

// timeout(1) signals its command, and then the group that it is in. Two signals of one kind may become one.
test('a signal that comes twice is one: the work is undone, and what became of it is told', async () => {
  const job = await startNeverReady('twice')
  const closed = once(job.child, 'close')
  job.child.kill('SIGTERM')
  job.child.kill('SIGINT')
  const [, by] = await closed
  expect(['SIGTERM', 'SIGINT']).toContain(by)
  expect(JSON.parse(job.stdout)).toMatchObject({ name: 'twice', state: 'stopped', changed: false })
  await until(() => job.left().length === 0)
})

test('timeout(1) may be told to end a program', async () => {
  const conf = configure('timed', { ready: 'notify' })
  const job = new Job('daemonize', [conf, 'start'], ['timeout', '1000'])
  await made('timed')()
  const closed = once(job.child, 'close')
  job.child.kill('SIGTERM')
  await closed
  expect(JSON.parse(job.stdout)).toMatchObject({ name: 'timed', state: 'stopped', changed: false })
  await until(() => job.left().length === 0)
})

test('a second signal some time after the first ends a program at once', async () => {
  const command = ['/bin/sh', '-c', `trap '' TERM; ${sleeper('insisted')}`]
  const job = await startNeverReady('insisted', { command, stop_timeout: 600_000 })
  const conf = scratch.file('insisted.json')
  scratch.onEnd(async () => void (await once(new Job('daemonize', [conf, 'kill']).child, 'close')))
  const closed = once(job.child, 'close')
  job.child.kill('SIGTERM')
  const insists = setInterval(() => job.child.kill('SIGINT'), 50)
  const [, by] = await closed
  clearInterval(insists)
  // Made to end after five seconds it would have been by the first one.
  expect(by).toBe('SIGINT')
})

// As Ctrl-C does it, which ends the writer of the pipe as well.
test('connect put takes an end of its input that comes with a signal for no end', async () => {
  const folder = scratch.file('cut-short')
  mkdirSync(folder)
  const job = new Job('connect', ['put', '-n', '-', `${folder}/file`])
  const closed = once(job.child, 'close')
  job.child.stdin?.write('half')
  await until(() => readdirSync(folder).length > 0)
  job.child.kill('SIGINT')
  job.child.stdin?.end()
  expect(await closed).toEqual([null, 'SIGINT'])
  expect(readdirSync(folder)).toEqual([])
})
