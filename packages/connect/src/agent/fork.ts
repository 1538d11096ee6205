// Fresh agents: processes that start from nothing, get the agent's bytes on standard input, and make their changes
// before they serve. What this process knows, they never knew.
import { spawn, type ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { Duplex } from 'node:stream'
import type { Change, Running } from '@plumbline/common/connection/connection'
import { signalStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Agent, AgentConfig } from './agent.ts'
import { formatDetach } from './detach.ts'
import { formatEnter } from './namespaces.ts'
import { answerRoots, rootDescriptor } from './root-changer.ts'
import { openRuntime, type Runtime } from './runtime.ts'

export type Forker = (changes: readonly Change[]) => Running

/** Between the end of its input, at which an agent leaves, and SIGKILL. */
const graceMs = 4000

/** Of those that hold the runtime for where it cannot be seen. */
const firstDescriptor = 3

export function makeForker(agent: Agent, config: AgentConfig): Forker {
  return (changes) => {
    const { prefix, runtime, rooted } = prepare(changes)
    // Whoever is in a container may get at what a process that comes in holds: none that has no use for it has a door.
    const held = rooted ? ['pipe' as const] : runtime.descriptors
    const given: AgentConfig = { ...config, place: undefined, changes, descriptors: held.length }
    const size = String(agent.bytes.length)
    const loaded = ['-e', agent.loader, agent.hash, size, '', JSON.stringify(given)]
    const [command = '', ...args] = [...prefix, ...runtime.argv, ...loaded]
    // Of the environment it gets what finds the commands above; of the descriptors, none but these.
    const child = spawn(command, args, {
      cwd: '/',
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'pipe', 'pipe', ...held],
    })
    runtime.close()
    const door = rooted && child.stdio[rootDescriptor]
    if (door instanceof Duplex && child.pid !== undefined) answerRoots(door, child.pid)
    child.stdin?.write(agent.bytes)
    return toRunning(child, command)
  }
}

/** Namespaces are entered on the way to the process; root directories and users it changes itself, in order. */
function prepare(changes: readonly Change[]): { prefix: string[]; runtime: Runtime; rooted: boolean } {
  const here = { argv: [process.execPath], descriptors: [], close: () => undefined }
  const entered = changes.find((change) => change.change === 'setns')
  const rooted = changes.some(({ change }) => change === 'chroot')
  if (!entered) {
    const prefix = rooted ? ['unshare', '-m', '--propagation', 'slave', '--'] : []
    return { prefix, runtime: here, rooted }
  }
  const last = changes.at(-1)
  // A process id is that of the place beneath; what starts a fresh agent is not there.
  if (last?.change === 'setns' && last !== changes[0]) {
    const needs = 'an agent that has changed neither its namespaces, root directory nor user'
    throw new ToolError('HOP_NEEDS', { hop: `setns:${last.pid}`, needs, hint: 'connect nsenter' })
  }
  if (last?.change === 'chroot') {
    const needs = 'an agent that has entered no namespaces'
    const hop = `chroot.fork:${last.directory}`
    throw new ToolError('HOP_NEEDS', { hop, needs, hint: 'connect chroot.shell' })
  }
  const enter = formatEnter(entered)
  const runtime = openRuntime(`setns:${entered.pid}`, firstDescriptor)
  return { prefix: [...formatDetach(firstDescriptor, runtime.descriptors.length), ...enter], runtime, rooted }
}

function toRunning(child: ChildProcess, command: string): Running {
  const { stdin, stdout, stderr } = child
  if (!stdin || !stdout || !stderr) throw new ToolError('INTERNAL', { reason: 'a child without streams' })
  const status = new Promise<number>((resolve, reject) => {
    child.once('error', (error) => {
      reject(new ToolError('COMMAND_NOT_EXECUTABLE', { command, reason: reasonOf(error) }))
    })
    child.once('exit', (code, signal) =>
      resolve(code ?? signalStatus(signal ? constants.signals[signal] : 0)),
    )
  })
  status.catch(() => undefined)
  stdin.on('error', () => undefined)
  const cancel = () => {
    stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    child.once('exit', () => clearTimeout(timer))
  }
  return { stdin, stdout, stderr, status, cancel }
}
