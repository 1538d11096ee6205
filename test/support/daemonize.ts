// A service of a test's own: its configuration in a scratch folder, daemonize run on it, and a look at its processes.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Scratch } from './scratch.ts'
import { environment, root } from './shell.ts'

export const daemonize = `${root}/packages/daemonize/bin/daemonize.cjs`

export type Answer = {
  status: number | null
  stdout: string
  stderr: string
  records: Record<string, unknown>[]
  /** The first record. */
  record: Record<string, unknown>
}

export async function runDaemonize(
  args: readonly string[],
  { env = {}, input }: { env?: Record<string, string>; input?: string } = {},
): Promise<Answer> {
  const child = spawn(process.execPath, [daemonize, ...args], { env: environment(env), stdio: 'pipe' })
  child.stdin.on('error', () => undefined)
  if (input === undefined) child.stdin.end()
  else child.stdin.end(input)
  const status = new Promise<number | null>((resolve) => child.on('close', resolve))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const records = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return { status: await status, stdout, stderr, records, record: records[0] ?? {} }
}

let services = 0

export class TestService {
  readonly folder: string
  readonly conf: string
  readonly pidfile: string
  readonly state: string
  readonly log: string
  readonly name: string

  constructor(scratch: Scratch, config: Record<string, unknown>) {
    this.name = `t${process.pid}-${++services}`
    this.folder = scratch.file(this.name)
    mkdirSync(this.folder, { mode: 0o755 })
    this.conf = `${this.folder}/conf.json`
    this.pidfile = `${this.folder}/run/s.pid`
    this.state = `${this.folder}/run/s.state`
    this.log = `${this.folder}/s.log`
    this.configure(config)
    scratch.onEnd(async () => {
      await this.run('kill')
    })
  }

  configure(config: Record<string, unknown>): void {
    const { name, pidfile, folder, log } = this
    const whole = {
      name,
      pidfile,
      cachedir: `${folder}/cache`,
      log,
      stop_timeout: 2000,
      start_timeout: 10_000,
      ...config,
    }
    writeFileSync(this.conf, JSON.stringify(whole))
  }

  run(command: string, ...options: string[]): Promise<Answer> {
    return runDaemonize([...options, this.conf, command])
  }

  /** A script in the folder, as a service's command; what it runs carries the folder's name in its arguments. */
  script(name: string, body: string): string[] {
    const path = `${this.folder}/${name}`
    writeFileSync(path, body)
    return ['/bin/sh', path]
  }

  /** Live processes with the folder's name in their arguments, this test's own daemonize left out. */
  processes(): number[] {
    return findProcesses(this.folder)
  }

  pid(): number {
    return Number(readFileSync(this.pidfile, 'utf8'))
  }

  hasRecords(): boolean {
    return existsSync(this.pidfile) || existsSync(this.state)
  }
}

export function findProcesses(words: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const line = readFileSync(`/proc/${name}/cmdline`, 'utf8')
      const mine = line.includes(words) && !line.includes('daemonize.cjs')
      return mine && isAlive(Number(name)) ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X')
  } catch {
    return false
  }
}

/** Waits for what another process does, by looking again; fails with what it waited for. */
export async function until(
  what: string,
  done: () => boolean | Promise<boolean>,
  ms = 10_000,
): Promise<void> {
  const end = Date.now() + ms
  while (!(await done())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
