// Builds without a sandbox of outputs that are there already: the builder is told other names of the same length, and
// what it has written is corrected afterwards.
import { formatBase32 } from '@plumbline/common/store/base32'
import { digest } from '@plumbline/common/store/hash'
import { dumpNar } from '@plumbline/common/store/nar/dump-nar'
import { NarParser } from '@plumbline/common/store/nar/nar-parser'
import { hashPart, hashPartLength } from '@plumbline/common/store/store-path'
import type { Store } from '../store/store.ts'
import { moveItem } from '../store/move-item.ts'
import { removeTree } from '../store/remove-tree.ts'
import { RestoreSink } from '../store/restore-sink.ts'

export class HashRedirects {
  readonly #store: string
  readonly #byPath = new Map<string, string>()

  constructor(store: string) {
    this.#store = store
  }

  get isEmpty(): boolean {
    return this.#byPath.size === 0
  }

  add(derivation: string, path: string): void {
    const fake = formatBase32(digest('sha256', `rewrite:${derivation}:${path}`)).slice(0, hashPartLength)
    this.#byPath.set(path, `${this.#store}/${fake}${path.slice(this.#store.length + 1 + hashPartLength)}`)
  }

  /** Where the builder puts an output. */
  placeOf(path: string): string {
    return this.#byPath.get(path) ?? path
  }

  places(): string[] {
    return [...this.#byPath.values()]
  }

  /** What the builder is told. */
  apply(text: string): string {
    let result = text
    for (const [path, fake] of this.#byPath) {
      result = result.replaceAll(hashPart(this.#store, path), hashPart(this.#store, fake))
    }
    return result
  }

  /** Puts the real names into what is at `place`. */
  correct(store: Store, place: string): void {
    const scratch = store.scratchPath()
    const parser = new NarParser(new RestoreSink(scratch))
    const replacer = new Replacer(
      new Map(
        [...this.#byPath].map(([path, fake]) => [hashPart(this.#store, fake), hashPart(this.#store, path)]),
      ),
    )
    dumpNar(place, (block) => void parser.push(replacer.push(block)))
    parser.push(replacer.end())
    removeTree(place)
    moveItem(scratch, place)
  }
}

/** Replaces words of one length in a stream by others of that length. */
class Replacer {
  readonly #words: ReadonlyMap<string, string>
  #held: Buffer = Buffer.alloc(0)

  constructor(words: ReadonlyMap<string, string>) {
    this.#words = words
  }

  push(block: Buffer): Buffer {
    const bytes = Buffer.concat([this.#held, block])
    for (const [from, to] of this.#words) {
      for (let at = bytes.indexOf(from, 0, 'latin1'); at >= 0; at = bytes.indexOf(from, at + 1, 'latin1')) {
        bytes.write(to, at, 'latin1')
      }
    }
    // The beginning of a word may be at the end.
    const keep = Math.min(bytes.length, hashPartLength - 1)
    this.#held = Buffer.from(bytes.subarray(bytes.length - keep))
    return bytes.subarray(0, bytes.length - keep)
  }

  end(): Buffer {
    return this.#held
  }
}
