// The lifeline as this side holds it: what it says of its place, and the process groups it is asked to end.
import { encodeText } from '../process/byte-text.ts'
import { within } from '../process/within.ts'
import { ToolError } from '../error/tool-error.ts'
import { toToolError } from '../error/translate.ts'
import type { Place } from './connection.ts'
import { formatEnd, formatLeave, formatNoRemoval, formatRemoval } from './lifeline.ts'
import type { ShellProcess } from './shell-process.ts'

/** A lifeline that does not answer must not hold up the end of everything. */
const answerMs = 5000

/** Its place, or a line of it; whoever says more would fill the memory here. */
const longestSaid = 64 * 1024

export class Lifeline {
  readonly place: Place
  readonly #process: ShellProcess
  /** Resolves when it is gone, to what that means while it is still needed. */
  readonly ended: Promise<ToolError>
  /** Files; names are random, so that one which is no longer in use may stay on the list. */
  #guarded = 0
  /** Process groups that it is ending. */
  readonly #ending = new Map<number, { told: () => void; gone: () => void }>()

  private constructor(process: ShellProcess, place: Place) {
    this.#process = process
    this.place = place
    const lost = (reason: string) => new ToolError('CONNECTION_LOST', { host: process.hop, reason })
    this.ended = process.status.then((status) => lost(`its shell ended with status ${status}`), toToolError)
  }

  /** Reads the place that the lifeline prints first. Throws HOP_TIMEOUT, or why the hop failed. */
  static async open(process: ShellProcess, timeoutMs: number): Promise<Lifeline> {
    process.stderr.resume()
    const timer = setTimeout(() => {
      process.fail(new ToolError('HOP_TIMEOUT', { hop: process.hop, ms: timeoutMs }))
    }, timeoutMs)
    let lifeline: Lifeline | undefined
    let text = ''
    try {
      return await new Promise((resolve, reject) => {
        process.stdout.on('data', (chunk: Buffer) => {
          text += chunk.toString('utf8')
          const at = lifeline ? -1 : text.indexOf('\n\n')
          if (at >= 0) {
            lifeline = new Lifeline(process, parsePlace(text.slice(0, at)))
            text = text.slice(at + 2)
            resolve(lifeline)
          }
          if (lifeline) text = lifeline.#hear(text)
          if (text.length > longestSaid) {
            const reason = 'its shell says what none of ours says'
            process.fail(new ToolError('PROTOCOL', { peer: process.hop, reason }))
            text = ''
          }
        })
        const early = (status: number) =>
          reject(
            new ToolError('HOP_FAILED', {
              hop: process.hop,
              reason: `its shell ended with status ${status}`,
            }),
          )
        process.status.then(early, reject)
      })
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Resolves when nothing of the process group is left, or nothing more can be done. `told` is called when the group
   * has been sent TERM.
   */
  async end(group: number, told: () => void): Promise<void> {
    const gone = new Promise<void>((resolve) => this.#ending.set(group, { told, gone: resolve }))
    this.#process.stdin.write(formatEnd(this.#process.token, group))
    await this.#within(gone)
    this.#ending.delete(group)
  }

  /** Has a file removed when this process is lost, until the function that it gives is called. */
  guard(path: string): () => void {
    const { stdin, token } = this.#process
    this.#guarded++
    stdin.write(encodeText(formatRemoval(token, path)))
    return () => {
      if (--this.#guarded === 0) stdin.write(formatNoRemoval(token))
    }
  }

  async leave(): Promise<void> {
    this.#process.stdin.end(formatLeave(this.#process.token))
    await this.#within(this.#process.leave())
    this.#process.abandon()
  }

  /** Leaves, and has whatever is found of its connection ended; what sweeps has its output open as long as it does. */
  async sweep(): Promise<void> {
    const { stdin, stdout } = this.#process
    stdin.end()
    if (stdout.closed || stdout.readableEnded) return
    await within(new Promise((resolve) => stdout.once('end', resolve).once('close', resolve)), answerMs)
    this.#process.abandon()
  }

  /** Takes whole lines "told GROUP" and "gone GROUP" off the text. */
  #hear(text: string): string {
    const lines = text.split('\n')
    const rest = lines.pop() ?? ''
    for (const line of lines) {
      const [word, group] = line.split(' ')
      if (word === 'told' || word === 'gone') this.#ending.get(Number(group))?.[word]()
    }
    return rest
  }

  async #within(done: Promise<unknown>): Promise<void> {
    await within(Promise.race([done, this.ended]), answerMs)
  }
}

/** user LF uid LF home, as lifeline.ts prints them. */
function parsePlace(text: string): Place {
  const [user = '', uid = '', ...home] = text.split('\n')
  return { user, uid: Number(uid), home: home.join('\n') }
}
