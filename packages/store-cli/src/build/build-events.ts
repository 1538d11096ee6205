// What a daemon says while it builds, taken apart: lines for programs, what builders print, and messages.
//
//   log     = { line | output }                 cut into frames anywhere
//   line    = "@ " word { " " word } LF | text LF
//   output  = "@ build-log " PID " " LENGTH LF bytes
// Pure: no I/O.

export type BuildEvent =
  | { what: 'trace'; words: string[] }
  | { what: 'output'; pid: number; bytes: string }
  | { what: 'message'; text: string }

/** Byte strings in, events out; what is not complete yet is kept. */
export class BuildEventParser {
  #rest = ''
  #output: { pid: number; left: number } | undefined

  push(bytes: string): BuildEvent[] {
    this.#rest += bytes
    const events: BuildEvent[] = []
    for (let event = this.#next(); event; event = this.#next()) events.push(event)
    return events
  }

  #next(): BuildEvent | undefined {
    if (this.#output) {
      const { pid, left } = this.#output
      const taken = this.#rest.slice(0, left)
      this.#rest = this.#rest.slice(taken.length)
      this.#output = left > taken.length ? { pid, left: left - taken.length } : undefined
      return taken === '' && this.#output ? undefined : { what: 'output', pid, bytes: taken }
    }
    const end = this.#rest.indexOf('\n')
    if (end < 0) return undefined
    const line = this.#rest.slice(0, end)
    this.#rest = this.#rest.slice(end + 1)
    if (!line.startsWith('@ ')) return { what: 'message', text: line }
    const words = line.slice(2).split(' ')
    if (words[0] === 'build-log' && words.length === 3) {
      this.#output = { pid: Number(words[1]), left: Number(words[2]) }
      return this.#next()
    }
    return { what: 'trace', words }
  }
}
