// What servers have answered, so that nobody asks them again too soon: also that they do not have something, and
// that they cannot be reached.
// Pure: no I/O.
import type { Answer } from './look-up.ts'

const hour = 3600 * 1000
const foundMs = 36 * hour
const missingMs = 10 * 60 * 1000
const refusedMs = 60 * 1000
/** How long a server that could not be asked is left alone. */
const brokenMs = 60 * 1000
const maxAnswers = 50_000

type Known = { answer: Answer; until: number }
type ServerState = { problem: string | undefined; until: number }

export class AnswerCache {
  readonly #answers = new Map<string, Known>()
  readonly #servers = new Map<string, ServerState>()
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  get(server: string, path: string): Answer | undefined {
    const key = keyOf(server, path)
    const known = this.#answers.get(key)
    if (known && known.until > this.#now()) return known.answer
    this.#answers.delete(key)
    return undefined
  }

  /** Directories are cheap to ask, and what is in them changes without notice: nothing is kept of them. */
  add(server: string, answer: Answer): void {
    if (server.startsWith('file:')) return
    const ms = answer.claim ? foundMs : answer.refusal === undefined ? missingMs : refusedMs
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size < maxAnswers) break
      this.#answers.delete(oldest)
    }
    this.#answers.set(keyOf(server, answer.path), { answer, until: this.#now() + ms })
  }

  /** Its word has turned out to be wrong. */
  forget(server: string, path: string): void {
    this.#answers.delete(keyOf(server, path))
  }

  /** Undefined when the server has to be greeted; a problem when it is not to be asked for now. */
  server(url: string): { problem: string | undefined } | undefined {
    const state = this.#servers.get(url)
    return state && state.until > this.#now() ? state : undefined
  }

  setServer(url: string, problem: string | undefined): void {
    if (url.startsWith('file:')) return
    this.#servers.set(url, { problem, until: this.#now() + (problem === undefined ? hour : brokenMs) })
  }
}

function keyOf(server: string, path: string): string {
  return `${server} ${path}`
}
