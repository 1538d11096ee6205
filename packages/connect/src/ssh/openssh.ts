// The system's ssh(1), run on the machine beneath through `run`: for what ssh2 cannot do, and wherever the hop does
// not start at this machine.
//
// The first command is the lifeline, and is made the master of the others: they then cost no login of their own
// (ssh_config(5), ControlMaster). Its socket is in a directory made for it there; where none can be made, every
// command logs in by itself.
import type { Connection } from '@plumbline/common/connection/connection'
import type { Entry } from '@plumbline/common/connection/raw-process'
import { ToolError } from '@plumbline/common/error/tool-error'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import type { Destination } from './destination.ts'
import type { HostKeyPolicy } from './host-key.ts'

/** ssh(1): "exits with the exit status of the remote command or with 255 if an error occurred". */
const sshFailed = 255

export function makeOpensshEntry(
  connection: Connection,
  { host, sshArguments }: Destination,
  { policy, timeoutMs, token }: { policy: HostKeyPolicy; timeoutMs: number; token: string },
): Entry {
  const label = `ssh:${host}`
  const directory = `/tmp/${token}`
  const seconds = Math.max(1, Math.ceil(timeoutMs / 1000))
  let isFirst = true
  return {
    hop: label,
    // A name may lead to another machine each time.
    isScattered: true,
    start(shellCommand) {
      const options = [
        'BatchMode=yes',
        `StrictHostKeyChecking=${policy === 'strict' ? 'yes' : 'accept-new'}`,
        'ServerAliveInterval=15',
        `ConnectTimeout=${seconds}`,
        `ControlMaster=${isFirst ? 'yes' : 'no'}`,
        `ControlPath=${directory}/s`,
        'ControlPersist=no',
      ].flatMap((option) => ['-o', option])
      const argv = quoteCommand([
        'ssh',
        '-T',
        ...sshArguments,
        ...options,
        '--',
        host,
        `exec ${shellCommand}`,
      ])
      const command = isFirst ? asMaster(argv, directory) : `exec ${argv}`
      isFirst = false
      return connection.run({ command })
    },
    explain: (noise, status) => (status === undefined ? undefined : explainSsh(noise, status, host, label)),
    async sweep() {
      await connection.runlines({ command: `rm -rf ${quoteWord(directory)}` }).catch(() => undefined)
    },
  }
}

// A shell says of a child that a signal ended that it did, where nobody may read any more; so PIPE is among the traps.
function asMaster(argv: string, directory: string): string {
  const path = quoteWord(directory)
  return (
    `trap ${quoteWord(`rm -rf ${path}`)} EXIT; trap 'exit 143' TERM HUP INT PIPE; ` +
    `if mkdir -m 700 ${path} 2>/dev/null; then ${argv}; exit $?; else trap - EXIT TERM HUP INT PIPE; exec ${argv}; fi`
  )
}

function explainSsh(noise: string, status: number, host: string, hop: string): ToolError | undefined {
  const reason = noise.trim().split('\n').slice(-3).join(' | ') || `ssh ended with status ${status}`
  if (status === 127) return new ToolError('COMMAND_NOT_FOUND', { command: 'ssh' })
  if (status !== sshFailed) return undefined
  if (/host key verification failed/i.test(noise)) {
    const [, file, line] = /offending \S+ key in (\S+?):(\d+)/i.exec(noise) ?? []
    if (file !== undefined) return new ToolError('HOST_KEY_MISMATCH', { host, file, line })
    return new ToolError('HOST_KEY_UNKNOWN', { host, file: 'the known_hosts files', fingerprint: reason })
  }
  if (/permission denied/i.test(noise))
    return new ToolError('AUTH_FAILED', { host, user: 'that user', reason })
  if (/could not resolve hostname/i.test(noise)) return new ToolError('HOST_UNKNOWN', { host, reason })
  if (/connection (refused|timed out)|no route|unreachable/i.test(noise)) {
    return new ToolError('HOST_UNREACHABLE', { host, reason })
  }
  return new ToolError('HOP_FAILED', { hop, reason })
}
