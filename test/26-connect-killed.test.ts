// Any one process of a chain is killed with SIGKILL, at any moment: within moments nothing of the chain is left, on
// either side. PL_KILLS=100 kills so many of each chain.
// @needs-root: users, an sshd, root directories
import { copyFileSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { execFileSync, type ChildProcess } from 'node:child_process'
import { expect, it } from 'vitest'
import { Leftovers } from './support/leftovers.ts'
import { findProcesses, isAlive, type Process } from './support/processes.ts'
import { makeDebianRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { finish, startShell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { until } from './support/until.ts'
import { makeUser } from './support/users.ts'

const times = Number(process.env['PL_KILLS'] ?? 1)
/** Within which nothing may be left, and how long a chain that stands has to show it. */
const patienceMs = 5000
const standsMs = 1500

const scratch = new Scratch('killed')
const sudoers = 'USER ALL=(ALL:ALL) NOPASSWD: ALL'
const [free, other] = [makeUser(scratch, { sudoers }), makeUser(scratch, { sudoers })]
const idOf = (user: string) => Number(execFileSync('id', ['-u', user]))
const debian = makeDebianRoot(scratch, 'debian', { users: { guest: idOf(free) } })
const sshd = await startSshd(scratch)
const leftovers = new Leftovers(scratch, [free, other])
sshd.addHost('free', { User: free })
// The one that the first user has on the far side, to go on from there.
const identity = `/home/${free}/identity`
copyFileSync(sshd.identity, identity)
execFileSync('chown', [`${free}:`, identity])
sshd.addHost('other', { User: other, IdentityFile: identity })
for (const file of [sshd.config, sshd.knownHosts]) execFileSync('chmod', ['644', file])

const ssh = (host: string) => `ssh -F ${sshd.config} ${host}`
const chains: Record<string, string[]> = {
  'su → sudo → chroot.shell → su': [`su ${free}`, 'sudo', `chroot.shell ${debian}`, 'su guest'],
  'ssh → sudo → chroot.shell → su': [ssh('free'), 'sudo', `chroot.shell ${debian}`, 'su guest'],
  'ssh → sudo → node → chroot.fork → setuid': [
    ssh('free'),
    'sudo',
    'node',
    `chroot.fork ${debian}`,
    'setuid guest',
  ],
  'ssh → ssh → sudo': [ssh('free'), ssh('other'), 'sudo'],
}

const mark = (name: string) => `/tmp/killed-${process.pid}-${name}`
const isCommand = (text: string) => text === 'sleep 100000'
const command = (name: string) => `: >${mark(name)}; sleep 100000 & sleep 100000`

/** Every process of the pipeline and of sshd, whatever it has become. */
function findAll(shell: ChildProcess): Process[] {
  const ours = findProcesses(shell.pid ?? 0).slice(1)
  const [unshared] = findProcesses(sshd.process.pid ?? 0)
  const far = findProcesses(unshared?.pid ?? 0).filter(({ pid }) => pid !== unshared?.pid)
  return [...ours, ...far].filter(({ state }) => !/[ZX]/.test(state))
}

type Kill = { chain: string; endedMs: number; process: string }
const kills: Kill[] = []
/** How long each chain takes until its command runs. */
const upMs = new Map<string, number>()

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has just ended.
  }
}

/**
 * Of a chain that lost nothing it stands on: the consumer waits, and its command runs. ssh(1) says that a command has
 * been killed only when its output has been closed, and what sshd does for a session it does without its monitor.
 */
function stands(isFar: boolean, shell: ChildProcess): boolean {
  const waits = findAll(shell).some(
    ({ command }) => command.startsWith('node ') && command.includes('connect exec'),
  )
  const running = leftovers.list().filter((each) => isCommand(each.replace(/^\d+ /, '').trim()))
  return waits && (isFar ? running.length > 0 : running.length === 2)
}

async function run(chain: string, index: number): Promise<void> {
  const hops = chains[chain] ?? []
  const [first = '', ...more] = hops
  const name = `${Object.keys(chains).indexOf(chain)}-${index}`
  const inside = chain.includes('chroot') ? `${debian}${mark(name)}` : mark(name)
  const line = [first.replace(/^\S+/, '$& -n'), ...more, `exec -c -- '${command(name)}'`]
  const begun = performance.now()
  const shell = startShell(line.map((each) => `connect ${each}`).join(' | '), { env: leftovers.env })
  const ended = finish(shell)
  ended.catch(() => undefined)
  let isOver = false
  void ended.then(() => (isOver = true))
  const up = upMs.get(chain)
  if (up === undefined) {
    await until(() => existsSync(inside) || isOver)
    expect(isOver, (isOver && (await ended).stderr) || '').toBe(false)
    upMs.set(chain, performance.now() - begun)
  } else {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * up * 1.3))
  }
  const all = findAll(shell)
  // By default one of the connects, of a chain that is up; with PL_KILLS anything, at any moment.
  const mayDie = process.env['PL_KILLS'] ? () => true : (command: string) => command.startsWith('node ')
  const ours = all.filter(({ command }) => !isCommand(command) && mayDie(command))
  const chosen = ours[Math.floor(Math.random() * ours.length)]
  if (!chosen) {
    signal(-(shell.pid ?? 0), 'SIGHUP')
    return void (await ended)
  }
  signal(chosen.pid, 'SIGKILL')
  const killed = performance.now()
  const left = () => [
    ...leftovers.list().filter((each) => !each.endsWith(mark(name))),
    ...[...all, ...findAll(shell)].filter(isAlive).map(({ pid, command }) => `${pid} ${command}`),
  ]
  const isFar = chain.includes('ssh → ssh') || chosen.command.startsWith('sshd: ')
  // What was killed may have held up nothing: then the operator leaves.
  let [ends, stood] = [killed, 0]
  while (left().length > 0 && performance.now() - ends < patienceMs) {
    if (ends > killed || !stands(isFar, shell)) stood = 0
    else if (stood === 0) stood = performance.now()
    else if (performance.now() - stood > standsMs) {
      ends = performance.now()
      signal(-(shell.pid ?? 0), 'SIGHUP')
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const endedMs = Math.round(performance.now() - ends)
  kills.push({ chain, endedMs, process: chosen.command })
  const now = left()
  const of = all.map(({ pid, parent, command }) => `${pid} ${parent} ${shorten(command)}`).join('\n')
  for (const each of now) {
    if (each.startsWith('/')) rmSync(each, { force: true, recursive: true })
    else signal(Number(each.split(' ')[0]), 'SIGKILL')
  }
  rmSync(inside, { force: true })
  const when = `${Math.round(killed - begun)} ms after the start, of ${Math.round(upMs.get(chain) ?? 0)} to be up`
  const message = `${chain} #${index}: ${chosen.pid} ${shorten(chosen.command)} killed ${when}, of\n${of}\nleft\n`
  if (now.length > 0) throw new Error(message + [...new Set(now)].map(shorten).join('\n'))
  const { stderr } = await ended
  expect(stderr).not.toMatch(/INTERNAL|\n +at /)
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(debian)
}

it.each(Object.keys(chains))('%s', { timeout: 60_000 + times * 30_000 }, async (chain) => {
  const failures: unknown[] = []
  for (let index = 0; index < times; index++)
    await run(chain, index).catch((error: unknown) => failures.push(error))
  if (process.env['PL_KILLS']) report(chain)
  expect(failures.map(String).join('\n\n')).toBe('')
})

/** Enough of a command to know it by. */
function shorten(command: string): string {
  return command.slice(0, 160).trim()
}

function report(chain: string): void {
  const of = kills.filter((kill) => kill.chain === chain).toSorted((a, b) => a.endedMs - b.endedMs)
  const middle = of[Math.floor(of.length / 2)]
  const last = of.at(-1)
  process.stderr.write(
    `${chain}: of ${of.length} kills half left nothing within ${middle?.endedMs} ms, all within ${last?.endedMs} ms ` +
      `(${last?.process.slice(0, 60)})\n`,
  )
}
