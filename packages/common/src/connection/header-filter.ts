// Passes on what follows a header line in a stream, and keeps what came before it, for error messages.
// A Transform behind pipeline() would do the same; loading and wiring those up takes longer than most commands run.
import { Readable } from 'node:stream'

/** Of the noise before the header, this much is kept. */
const keptNoise = 4096

/** Reads `source` from the start, whether or not it is read itself, until the header has come. */
export class HeaderFilter extends Readable {
  readonly #source: Readable
  readonly #mark: Buffer
  #before: Buffer = Buffer.alloc(0)
  #open = false
  #ended = false
  #cut: NodeJS.Timeout | undefined
  #found: (rest: string) => void = () => undefined
  /** Resolves to what the header line holds after its token; stays pending when none comes. */
  readonly header: Promise<string>
  onNoise: (noise: string) => void = () => undefined

  constructor(token: string, source: Readable) {
    super()
    this.#source = source
    this.#mark = Buffer.from(`\n${token}`)
    this.header = new Promise((resolve) => {
      this.#found = resolve
    })
    source.on('data', (chunk: Buffer) => this.#take(chunk))
    source.once('end', () => this.#end())
    source.once('error', (error) => this.destroy(error))
    // A stream that breaks off breaks off for its reader too.
    source.once('close', () => {
      if (!this.#ended) this.destroy(new Error('The stream broke off'))
    })
  }

  get open(): boolean {
    return this.#open
  }

  /** What came before the header, its end if it is long. */
  get noise(): string {
    return this.#before.toString('utf8')
  }

  /** Ends when nothing more has come for `idleMs`, whoever holds the source open. */
  cut(idleMs: number): void {
    this.#cut = setTimeout(() => {
      // What is held back by a slow reader has not come yet.
      if (this.#source.isPaused()) this.#cut?.refresh()
      else this.#end()
    }, idleMs)
  }

  override _read(): void {
    this.#source.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#cut)
    this.#source.destroy()
    done(error)
  }

  #end(): void {
    clearTimeout(this.#cut)
    if (this.#ended) return
    this.#ended = true
    this.push(null)
    this.#source.destroy()
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return
    this.#cut?.refresh()
    const rest = this.#open ? chunk : this.#search(chunk)
    if (rest && rest.length > 0 && !this.push(rest)) this.#source.pause()
  }

  /** What follows the header, once that is whole. */
  #search(chunk: Buffer): Buffer | undefined {
    const all = Buffer.concat([this.#before, chunk])
    const at = all.indexOf(this.#mark)
    const end = at < 0 ? -1 : all.indexOf(0x0a, at + this.#mark.length)
    if (end < 0) {
      // Bytes of a header that is still arriving are at the end, which is what is kept.
      this.#before = all.length > keptNoise ? all.subarray(-keptNoise) : all
      this.onNoise(this.noise)
      return undefined
    }
    this.#open = true
    this.#before = all.subarray(0, at)
    const rest = all.subarray(at + this.#mark.length, end)
    this.#found(rest.toString('utf8').trim())
    return all.subarray(end + 1)
  }
}
