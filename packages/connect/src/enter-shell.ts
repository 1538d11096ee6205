// Enters a hop of kind posix: whatever starts a shell there becomes a connection, in one round trip.
import type { Entry } from '@plumbline/common/connection/raw-process'
import { ShellConnection } from '@plumbline/common/connection/shell-connection'
import type { HopContext, OpenedHop } from './hop.ts'

export type ShellHop = {
  label: string
  /** Text for the shell beneath, which becomes the shell command (a quoted argv) on the far side. */
  wrap: (shellCommand: string) => string
  /** Sent before anything else, on the standard input of each command. */
  preamble?: Buffer
  isScattered?: boolean
  explain?: Entry['explain']
  entered?: Entry['entered']
  lost?: Entry['lost']
  /** The name of the machine that the hop leads to, when it is another. */
  host?: string
}

/** Throws what explain() says, HOP_FAILED, HOP_TIMEOUT. */
export async function enterShell({ lower, timeoutMs }: HopContext, hop: ShellHop): Promise<OpenedHop> {
  const { label, wrap, preamble, isScattered, explain, entered, lost, host } = hop
  const connection = new ShellConnection({
    hop: label,
    readsInput: preamble !== undefined,
    ...(isScattered && { isScattered }),
    start(shellCommand) {
      const process = lower.connection.run({ command: wrap(shellCommand) })
      if (preamble) process.stdin.write(preamble)
      return process
    },
    ...(explain && { explain }),
    ...(entered && { entered }),
    ...(lost && { lost }),
  })
  try {
    const place = await connection.establish({ changedUser: true, timeoutMs })
    return { connection, place, label, ...(host !== undefined && { host }) }
  } catch (error) {
    await connection.close()
    throw error
  }
}
