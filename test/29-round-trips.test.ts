// Round trips over ssh, counted without a clock. The network keeps every answer back until the far side has done what
// it was asked for; from then on it lets no more questions through, and hands out the answers. What comes to its end
// like that has cost one round trip and no more.
// @needs-root: users, an sshd, root directories
import { readdirSync, readlinkSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { findProcesses } from './support/processes.ts'
import { Relay } from './support/relay.ts'
import { makeDebianRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { exited, finish, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { until } from './support/until.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('round-trips')
const sshd = await startSshd(scratch)
const plain = makeUser(scratch)
const debian = makeDebianRoot(scratch, 'debian', { users: { guest: 4711 } })

// A file that a command makes, as whoever looks in sees it.
const marks = `${scratch.path.split('/').at(-1)}-mark`
const findMarks = () =>
  ['/tmp', `${debian}/tmp`].flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.startsWith(marks))
      .map((name) => `${directory}/${name}`),
  )
scratch.onEnd(() => findMarks().forEach((file) => rmSync(file)))

/** Shells on the far side that wait for a command, by the token that they wait for. */
function findWaiting(): string[] {
  const all = findProcesses(sshd.process.pid ?? 0)
  const parents = new Set(all.map(({ parent }) => parent))
  return all.flatMap(({ pid, command }) => {
    const [, token] =
      /^\/bin\/sh -c while IFS= read -r pl_l; do case \$pl_l in ([\w-]+)\*\)/.exec(command) ?? []
    return token !== undefined && !parents.has(pid) ? [token] : []
  })
}

const isIdle = () =>
  findProcesses(sshd.process.pid ?? 0).every(
    ({ command, state }) => !command.startsWith('sshd') || state === 'S',
  )

/** Those that guard a hop have said who they are before they let go of standard error and the directory. */
const countSettled = () =>
  findProcesses(sshd.process.pid ?? 0).filter(
    ({ pid, command }) =>
      command.includes('plumbline-agent') ||
      (command.endsWith(' plumbline') && read(`/proc/${pid}/fd/2`).endsWith('/dev/null')),
  ).length

function read(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return ''
  }
}

class Chain {
  readonly #relay: Relay
  readonly #holders: Socket[] = []
  readonly #children: ChildProcess[] = []
  #record = ''
  #token: string | undefined

  private constructor(relay: Relay) {
    this.#relay = relay
  }

  static async open(): Promise<Chain> {
    const relay = await Relay.start(scratch, sshd.port)
    const name = `relay-${relay.port}`
    sshd.addHost(name, { User: 'root', Port: String(relay.port), HostKeyAlias: `[127.0.0.1]:${sshd.port}` })
    const chain = new Chain(relay)
    await chain.#take(startShell(`exec connect ssh -n -F ${sshd.config} ${name}`))
    await until(() => findWaiting().length > 0)
    chain.#token = findWaiting()[0]
    return chain
  }

  /** Without counting. */
  async warm(words: string): Promise<void> {
    await this.#take(startShell(`exec connect ${words}`, { input: this.#record }))
  }

  async hop(words: string): Promise<void> {
    const before = countSettled()
    const start = () => this.#take(startShell(`exec connect ${words}`, { input: this.#record }))
    await this.once(start, () => countSettled() > before)
  }

  /** Starts it while no answer comes back; once that is done, no question goes out until it has ended. */
  async once<T>(start: () => Promise<T>, isDone: () => boolean): Promise<T> {
    // The shells that wait are refilled beside what is counted: one is there, and sshd has said so.
    await until(() => isIdle() && findWaiting().some((token) => token === this.#token))
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
    this.#relay.holdAnswers()
    const ending = start()
    await until(isDone)
    void this.#relay.hold()
    this.#relay.releaseAnswers()
    const result = await ending
    this.#relay.release()
    return result
  }

  /** Resolves to who has run it. */
  async run(): Promise<string> {
    const before = findMarks().length
    const command = `exec connect exec -c -- 'id -un; : >/tmp/${marks}-${before}'`
    const run = () => finish(startShell(command, { input: this.#record }))
    const { stdout, status } = await this.once(run, () => findMarks().length > before)
    expect(status).toBe(0)
    return stdout.trim()
  }

  async close(): Promise<void> {
    for (const holder of this.#holders) holder.destroy()
    await Promise.all(this.#children.map(exited))
    this.#relay.close()
  }

  async #take(child: ChildProcess): Promise<void> {
    child.stderr?.resume()
    const [line] = (await once(createInterface({ input: child.stdout as Readable }), 'line')) as [string]
    const record = JSON.parse(line) as { type: string; socket: string }
    expect(record).toMatchObject({ type: 'connection' })
    // A client that asks for nothing holds the connection open.
    this.#holders.push(await connected(record.socket))
    this.#children.push(child)
    this.#record = `${line}\n{"type":"end","tool":"connect","ok":true,"counts":{}}\n`
  }
}

async function connected(path: string): Promise<Socket> {
  const socket = connect(path)
  await once(socket, 'connect')
  socket.write('\n')
  return socket
}

it.each([
  [
    'sudo, chroot and su',
    [
      ['sudo', 'root'],
      [`chroot.shell ${debian}`, 'root'],
      ['su guest', 'guest'],
    ],
  ],
  [
    'an agent, and hops on it',
    [
      ['node', 'root'],
      [`chroot.fork ${debian}`, 'root'],
      ['setuid guest', 'guest'],
    ],
  ],
  [
    'su, and su from there',
    [
      [`su ${plain}`, plain],
      [`wrap -- env`, plain],
      ['wrap -- env', plain],
    ],
  ],
])(
  '%s: one round trip for each hop, and one for a command at any depth',
  async (_, hops) => {
    if (hops.some(([hop]) => hop === 'node')) {
      // Once it has been there, it is kept there.
      const first = await Chain.open()
      await first.warm('node')
      await first.close()
    }
    const chain = await Chain.open()
    expect([await chain.run(), await chain.run()]).toEqual(['root', 'root'])
    for (const [hop = '', user] of hops) {
      await chain.hop(hop)
      expect([await chain.run(), await chain.run()]).toEqual([user, user])
    }
    await chain.close()
  },
  120_000,
)
