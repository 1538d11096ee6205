// Hands a stream of bytes to a job. A message costs as much as copying a hundred kilobytes, so what comes while others
// are under way is gathered; but a job that has nothing to do gets what there is at once.
// Pure: no I/O.

/** Bytes that are worth a message. */
const enough = 512 * 1024
const maxUnderWay = 2

export class ChunkSender {
  readonly #send: (bytes: Uint8Array<ArrayBuffer>) => void
  /** What the job has not acknowledged, message by message. */
  readonly #sent: Buffer[][] = []
  /** What has not been sent. */
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  /** Bytes that the job has not read. */
  ahead = 0

  constructor(send: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#send = send
  }

  push(chunk: Buffer): void {
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.length
    this.ahead += chunk.length
    this.#flush()
  }

  /** The job has read the first message that it had not. */
  acknowledge(): void {
    for (const chunk of this.#sent.shift() ?? []) this.ahead -= chunk.length
    this.#flush()
  }

  /** What the job will not read, now that it has ended. */
  rest(): Buffer[] {
    return [...this.#sent.flat(), ...this.#gathered]
  }

  #flush(): void {
    if (this.#gatheredBytes === 0) return
    if (this.#sent.length >= maxUnderWay && this.#gatheredBytes < enough) return
    // A copy: a chunk's memory may be part of a pool, and this has to change threads.
    const message = new Uint8Array(Buffer.allocUnsafeSlow(this.#gatheredBytes).buffer)
    let at = 0
    for (const chunk of this.#gathered) {
      message.set(chunk, at)
      at += chunk.length
    }
    this.#sent.push(this.#gathered)
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#send(message)
  }
}
