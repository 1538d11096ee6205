// A filter of connection records that puts a relay before every socket, and counts the requests that go through.
import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { createInterface } from 'node:readline'
import { Relay } from './relay.ts'
import type { Scratch } from './scratch.ts'

const begins = new Set(['run', 'runlines', 'readfile', 'writefile'])

export class ConnectionProxy {
  /** Verbs of the requests begun, by host, in order. */
  readonly requests: Record<string, string[]> = {}
  /** Told of a relay before anything can reach it. */
  onRelay: (relay: Relay, host: string) => void = () => undefined
  readonly #scratch: Scratch

  constructor(scratch: Scratch) {
    this.#scratch = scratch
  }

  /** The records with the sockets of the relays, one each. */
  async *filter({ stdout }: ChildProcess): AsyncGenerator<string> {
    for await (const line of createInterface({ input: stdout as Readable })) {
      const record = JSON.parse(line) as { type: string; host: string; id: string; socket: string }
      if (record.type === 'connection') record.socket = await this.#join(record)
      yield `${JSON.stringify(record)}\n`
    }
  }

  async #join({ host, id, socket }: { host: string; id: string; socket: string }): Promise<string> {
    const path = this.#scratch.file(`${id}.proxy`)
    const relay = await Relay.start(this.#scratch, socket, path)
    const verbs = (this.requests[host] ??= [])
    let rest = Buffer.alloc(0)
    relay.onRequest = (bytes) => {
      const all = Buffer.concat([rest, bytes])
      const end = all.lastIndexOf(0x0a) + 1
      rest = all.subarray(end)
      for (const line of all.subarray(0, end).toString('utf8').split('\n')) {
        const { type } = line ? (JSON.parse(line) as { type: string }) : { type: '' }
        if (begins.has(type)) verbs.push(type)
      }
    }
    this.onRelay(relay, host)
    return path
  }
}
