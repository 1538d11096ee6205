// Puts other names of the same length into what is on disk: its contents, its symlinks and the names of its files.
import { dumpNarInSteps } from '@plumbline/common/store/nar/dump-nar'
import { NarParser } from '@plumbline/common/store/nar/nar-parser'
import { hashPartLength } from '@plumbline/common/store/store-path'
import { moveItem } from '../store/move-item.ts'
import { removeTree } from '../store/remove-tree.ts'
import { RestoreSink } from '../store/restore-sink.ts'
import { BuildFailure } from './build-failure.ts'

export type Rewrite = {
  /** A name in the store that nobody else has, for what is not complete yet. */
  scratch: string
  /** Hash parts: what is there → what is to be there. */
  words: readonly (readonly [string, string])[]
}

/** `place` has its canonical form, and keeps it. Throws BuildFailure, and then leaves it as it was. */
export function* rewriteHashes(
  place: string,
  { scratch, words }: Rewrite,
): Generator<undefined, void, undefined> {
  const sink = new RestoreSink(scratch)
  try {
    const parser = new NarParser(sink)
    const replacer = new Replacer(words)
    yield* dumpNarInSteps(place, (block) => void parser.push(replacer.push(block)))
    parser.push(replacer.end())
    parser.end()
    // Two files may have got one name.
    const { failure } = sink
    if (failure) {
      const reason = `rewriting hashes: ${failure.verb} \`${place}${failure.path}': ${failure.reason}`
      throw new BuildFailure('rejected', reason)
    }
    removeTree(place)
    moveItem(scratch, place)
  } finally {
    sink.close()
    removeTree(scratch)
  }
}

/** Replaces words of one length in a stream by others of that length. */
class Replacer {
  readonly #words: Rewrite['words']
  #held: Buffer = Buffer.alloc(0)

  constructor(words: Rewrite['words']) {
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
