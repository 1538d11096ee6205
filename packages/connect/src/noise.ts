// What the program that enters a hop has said, for a message of our own.
// Pure: no I/O.

const quotedLines = 3

/** Its last lines, on one line. */
export function formatNoise(noise: string): string {
  const lines = noise
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  return lines.slice(-quotedLines).join(' | ')
}
