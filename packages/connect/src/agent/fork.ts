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
import { formatEnter } from './namespaces.ts'
import { answerRoots, rootDescriptor } from './root-changer.ts'
import { openRuntime, type Runtime } from './runtime.ts'

export type Forker = (changes: readonly Change[]) => Running

/** Between the end of its input, at which an agent leaves, and SIGKILL. */
const graceMs = 4000

export function makeForker(agent: Agent, config: AgentConfig): Forker {
  return (changes) => {
    const { prefix, runtime } = prepare(changes)
    const descriptors = rootDescriptor + 1 - 3 + runtime.descriptors.length
    const given: AgentConfig = { ...config, place: undefined, changes, descriptors }
    const size = String(agent.bytes.length)
    const loaded = ['-e', agent.loader, agent.hash, size, '', JSON.stringify(given)]
    const [command = '', ...args] = [...prefix, ...runtime.argv, ...loaded]
    // Of the environment it gets what finds the commands above; of the descriptors, none but these.
    const child = spawn(command, args, {
      cwd: '/',
      env: { PATH: process.env['PATH'] },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe', ...runtime.descriptors],
    })
    runtime.close()
    const door = child.stdio[rootDescriptor]
    if (door instanceof Duplex && child.pid !== undefined) answerRoots(door, child.pid)
    child.stdin?.write(agent.bytes)
    return toRunning(child, command)
  }
}

/** Namespaces are entered on the way to the process; root directories and users it changes itself, in order. */
function prepare(changes: readonly Change[]): { prefix: string[]; runtime: Runtime } {
  const here = { argv: [process.execPath], descriptors: [], close: () => undefined }
  const entered = changes.find((change) => change.change === 'setns')
  const rooted = changes.some(({ change }) => change === 'chroot')
  if (!entered)
    return { prefix: rooted ? ['unshare', '-m', '--propagation', 'slave', '--'] : [], runtime: here }
  const hop = `setns:${entered.pid}`
  if (rooted || changes[0] !== entered) {
    const reason =
      'an agent enters namespaces first, and changes its root directory only where it enters none'
    throw new ToolError('HOP_FAILED', { hop, reason })
  }
  return { prefix: formatEnter(entered), runtime: openRuntime(hop, rootDescriptor + 1) }
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
