// Commands at the same moment: never two services, never none after a start that succeeded.
// PLUMBLINE_RACES says how many of each; a full run has 200.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { daemonize, isAlive, runDaemonize, TestService, until } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'

const scratch = new Scratch('daemonize-races')
const races = Number(process.env['PLUMBLINE_RACES'] ?? 12)
const patience = 30_000 + races * 2000

/** Its processes are known by a variable of its own. */
function makeService(ready: Record<string, unknown> = { line: 'up' }): TestService {
  const service = new TestService(scratch, {})
  const command = service.script('service.sh', 'echo up\nexec sleep 1000\n')
  service.configure({ command, ready, env: { SERVICE: service.name } })
  return service
}

/** All incarnations that are alive, by the id that each has in its environment. */
function incarnations(service: TestService): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const environ = readFileSync(`/proc/${name}/environ`, 'latin1')
      return environ.includes(`SERVICE=${service.name}\0`) ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

describe.each([2, 8])('%i starts at once', (count) => {
  it(
    `one service, and every start says so, ${races} times`,
    async () => {
      const service = makeService()
      for (let race = 0; race < races; race++) {
        const answers = await Promise.all(Array.from({ length: count }, () => service.run('start')))
        expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 0))
        expect(answers.filter(({ record }) => record['changed'])).toHaveLength(1)
        expect(new Set(answers.map(({ record }) => record['pid']))).toEqual(new Set([service.pid()]))
        expect(incarnations(service)).toEqual([service.pid()])
        expect((await service.run('kill')).status).toBe(0)
        expect(incarnations(service)).toEqual([])
      }
    },
    patience,
  )
})

describe('start against stop', () => {
  it(
    `what there is agrees with what was said, ${races} times`,
    async () => {
      const service = makeService()
      for (let race = 0; race < races; race++) {
        if (race % 2 === 0) await service.run('start')
        const [started, stopped] = await Promise.all([service.run('start'), service.run('stop')])
        expect(stopped.status).toBe(0)
        const alive = incarnations(service)
        const { status, record } = await service.run('status')
        // Running, or not at all: nothing half-way, nothing lost.
        expect(alive.length).toBeLessThanOrEqual(1)
        expect([status, record['pid']]).toEqual(alive.length === 1 ? [0, alive[0]] : [3, null])
        // A start that failed was stopped by the stop; one that made the service has not lost it to anyone else.
        if (started.status !== 0) expect(alive).toEqual([])
        await service.run('stop')
        expect(incarnations(service)).toEqual([])
      }
    },
    patience,
  )

  it(
    `restarts at once leave one service, ${races} times`,
    async () => {
      const service = makeService()
      for (let race = 0; race < races; race++) {
        const answers = await Promise.all(['restart', 'restart', 'start'].map((each) => service.run(each)))
        expect(answers.map(({ status }) => status)).toEqual([0, 0, 0])
        expect(incarnations(service)).toEqual([service.pid()])
      }
      await service.run('kill')
    },
    patience,
  )
})

describe('everything killed at a random moment', () => {
  it(
    `the next start works, ${races} times`,
    async () => {
      const service = makeService({ delay: 20 })
      for (let race = 0; race < races; race++) {
        const starter = spawn(
          process.execPath,
          [daemonize, service.conf, race % 3 === 2 ? 'restart' : 'start'],
          {
            stdio: 'ignore',
            detached: true,
          },
        )
        const moment = Math.random() * 120
        await new Promise((resolve) => setTimeout(resolve, moment))
        const keepers = children(starter.pid ?? 0)
        for (const pid of [starter.pid ?? 0, ...keepers]) {
          try {
            process.kill(pid, 'SIGKILL')
          } catch {
            // It was faster.
          }
        }
        const { status, record } = await runDaemonize([service.conf, 'start'])
        expect(status).toBe(0)
        await until('there is one', () => incarnations(service).length === 1)
        expect(incarnations(service)).toEqual([record['pid']])
        if (race % 2) await service.run('kill')
      }
    },
    patience,
  )
})

describe('several, interrupted while the first is worked on', () => {
  it('those after it stay as they are', async () => {
    const [first, second, third] = [makeService(), makeService(), makeService()]
    await Promise.all([first.run('start'), second.run('start')])
    const [before, old] = [first.pid(), second.pid()]
    // It is never ready.
    first.configure({ command: ['sleep', '1000'], ready: { line: 'up' }, env: { SERVICE: first.name } })
    const confs = [first, second, third].map(({ conf }) => conf)
    const restarting = spawn(process.execPath, [daemonize, ...confs, 'restart'], { stdio: 'ignore' })
    const ended = new Promise((resolve) => restarting.on('exit', (_, signal) => resolve(signal)))
    await until('the first starts', () => existsSync(`${first.state}.new`) && !isAlive(before))
    restarting.kill('SIGINT')
    expect(await ended).toBe('SIGINT')
    expect(incarnations(first)).toEqual([])
    expect(incarnations(second)).toEqual([old])
    expect(existsSync(third.log)).toBe(false)
  })
})

/** Processes whose parent it is, a keeper among them. */
function children(parent: number): number[] {
  try {
    return readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1')
      .split(' ')
      .filter(Boolean)
      .map(Number)
  } catch {
    return []
  }
}
