// What the program that enters a hop has said, for a message of our own.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'

const quotedLines = 3

/** POSIX XCU 2.8.2: what a shell answers when it cannot run a command. */
const cannotRun: readonly number[] = [126, 127]

/** Its last lines, on one line. */
export function formatNoise(noise: string): string {
  const lines = noise
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  return lines.slice(-quotedLines).join(' | ')
}

/** An Entry's explain() for a program that is missing, or finds no shell where it leads. */
export function explainMissing(hop: string, needs: string) {
  return (noise: string, status: number | undefined): ToolError | undefined => {
    if (status === undefined || !cannotRun.includes(status)) return undefined
    return new ToolError('HOP_NEEDS', { hop, needs, hint: formatNoise(noise) })
  }
}
