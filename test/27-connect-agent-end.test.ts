// @needs-root: agents that become another user
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { findProcesses, isAlive, type Process } from './support/processes.ts'
import { Scratch } from './support/scratch.ts'
import { startShell } from './support/shell.ts'
import { until } from './support/until.ts'

const scratch = new Scratch('agent-end')
let runs = 0

type Started = { shell: ChildProcess; client: Socket; all: Process[]; isGone: () => boolean }

const agents = (all: readonly Process[]) => all.filter(({ command }) => command === 'plumbline-agent')
const connects = (all: readonly Process[], hop: string) =>
  all.find(({ command }) => command.startsWith('node ') && command.includes(`connect ${hop}`))
/** Of the shells beneath it, the one that does not run anything. */
const watcher = (all: readonly Process[]) =>
  all.find(({ pid, parent }) => parent === agents(all)[1]?.pid && !all.some((each) => each.parent === pid))

const roles: Readonly<Record<string, (all: readonly Process[]) => Process | undefined>> = {
  'the first agent': (all) => agents(all)[0],
  'the second agent': (all) => agents(all)[1],
  'the shell that watches the second agent': watcher,
  'connect local': (all) => connects(all, 'local'),
  'connect node': (all) => connects(all, 'node'),
  'connect setuid': (all) => connects(all, 'setuid'),
}

const started: Started[] = []

/** A command that does not end and a file that is never whole, beneath an agent and a second one. */
async function start(options = ''): Promise<Started> {
  const directory = scratch.file(`run${runs++}`)
  const sockets = `${directory}-sockets`
  for (const each of [directory, sockets]) mkdirSync(each, { mode: 0o700 })
  const chain = `connect local -n | connect node ${options} | connect setuid ${options} root`
  const shell = startShell(chain, { env: { XDG_RUNTIME_DIR: sockets } })
  const [line] = (await once(createInterface({ input: shell.stdout as Readable }), 'line')) as [string]
  const { socket: served } = JSON.parse(line) as { socket: string }
  const client = connect(served)
  client.on('error', () => undefined)
  const send = (record: object) => client.write(`${JSON.stringify(record)}\n`)
  send({ type: 'writefile', id: 'file', path: `${directory}/file`, input_follows: true })
  send({ type: 'input', id: 'file', data: 'begun' })
  send({ type: 'run', id: 'command', command: 'echo up; trap "" TERM; sleep 1000; sleep 1000' })
  await once(client, 'data')
  await until(() => readdirSync(directory).length > 0)
  const all = findProcesses(shell.pid ?? 0)
  const isGone = () =>
    !all.some(isAlive) &&
    readdirSync(directory).length === 0 &&
    // Whoever finds that a server has gone removes its socket; this client does not.
    readdirSync(`${sockets}/plumbline`).every((name) => served.endsWith(name))
  const one = { shell, client, all, isGone }
  started.push(one)
  return one
}

afterEach(() => {
  for (const { all, client } of started.splice(0)) {
    client.destroy()
    for (const each of all) if (isAlive(each)) process.kill(each.pid, 'SIGKILL')
  }
})

describe('an agent', () => {
  it.each(Object.entries(roles))('leaves nothing when %s is killed', async (_, find) => {
    const { all, isGone } = await start()
    process.kill(find(all)?.pid ?? 0, 'SIGKILL')
    await until(isGone)
    expect(all.length).toBeGreaterThan(8)
  })

  it('leaves nothing when the client goes, or the operator interrupts', async () => {
    const [left, interrupted] = await Promise.all([start(), start()])
    left.client.destroy()
    process.kill(-(interrupted.shell.pid ?? 0), 'SIGINT')
    await until(left.isGone)
    await until(interrupted.isGone)
    expect(left.all.length).toBeGreaterThan(8)
  })

  it('leaves when nothing is heard of the operator', async () => {
    const { all } = await start('--keepalive 250ms')
    const stopped = connects(all, 'node')?.pid ?? 0
    process.kill(stopped, 'SIGSTOP')
    await until(() => !agents(all).some(isAlive))
    process.kill(stopped, 'SIGCONT')
    await until(() => !all.some(isAlive))
    expect(agents(all).length).toBe(2)
  })

  it('is given up when nothing is heard of it', async () => {
    const { shell, all } = await start('--keepalive 250ms')
    process.kill(agents(all)[0]?.pid ?? 0, 'SIGSTOP')
    const stderr = await text(shell.stderr as Readable)
    expect(stderr).toMatch(/connect: Connection to \S+ was lost: nothing was heard of the agent/)
  })
})
