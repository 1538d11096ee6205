// Puts the tree of a nar on disk while its bytes come, and computes every hash of it in the same pass.
import type { Hash } from 'node:crypto'
import { startHash, type HashAlgorithm } from '@plumbline/common/store/hash'
import { NarParser } from '@plumbline/common/store/nar/nar-parser'
import { removeUnusedLink } from '../gc/unused-links.ts'
import { removeTree } from './remove-tree.ts'
import { fileNarSize } from './file-hash.ts'
import { RestoreSink } from './restore-sink.ts'

export type UnpackArgs = {
  store: string
  target: string
  algorithm: HashAlgorithm
  recursive: boolean
  deduplicate: boolean
}

export type Unpacked = {
  type: 'file' | 'directory' | 'symlink' | undefined
  /** Of the nar or, when not recursive, of the contents. */
  contentHash: Uint8Array
  narHash: Uint8Array
  narSize: number
  /** The tree's own nar is the one that was read. */
  canonical: boolean
  failure: { verb: string; path: string; reason: string } | undefined
  /** Files of `.links` that were made for it. */
  links: readonly string[]
  /** Bytes that came after the nar. */
  rest: Uint8Array
}

/** Hashing a file twice as long as writing it: worth a second thread where the nar is larger than this… */
const hashElsewhereFrom = 32 * 1024 * 1024
/** …and the file than this. */
const minimumElsewhere = 1024 * 1024

export class NarUnpacker {
  readonly #args: UnpackArgs
  readonly #narHash = startHash('sha256')
  readonly #other: Hash | undefined
  readonly #sink: RestoreSink
  readonly #parser: NarParser
  /** Bytes of the nar so far. */
  size = 0

  /** `hashElsewhere`: large files are read once more by somebody else, who calls deduplicate() with what it finds. */
  constructor(args: UnpackArgs, hashElsewhere?: (path: string) => void) {
    const { store, target, algorithm, recursive, deduplicate } = args
    this.#args = args
    this.#other = recursive && algorithm === 'sha256' ? undefined : startHash(algorithm)
    this.#sink = new RestoreSink(target, {
      deduplicateIn: deduplicate ? store : undefined,
      dropExecutable: !recursive,
      contentHash: recursive ? undefined : this.#other,
      ...(hashElsewhere && {
        hashElsewhere,
        isElsewhere: (size) => size >= minimumElsewhere && this.size + size >= hashElsewhereFrom,
      }),
    })
    this.#parser = new NarParser(this.#sink)
  }

  get done(): boolean {
    return this.#parser.done
  }

  /** How many bytes of `chunk` belong to the nar. Throws NAR_…, STORE_FAILED when the disk is full. */
  push(chunk: Buffer): number {
    const used = this.#parser.push(chunk)
    const mine = chunk.subarray(0, used)
    this.#narHash.update(mine)
    if (this.#args.recursive) this.#other?.update(mine)
    this.size += used
    return used
  }

  /** Makes a file that was to be hashed elsewhere share its inode; `narHash` in hex. */
  deduplicate(path: string, narHash: string): void {
    this.#sink.deduplicate(path, Buffer.from(narHash, 'hex'))
  }

  /** What it was. Removes what cannot become an item. Throws NAR_INVALID when the nar is not complete. */
  finish(rest: Buffer = Buffer.alloc(0)): Unpacked {
    this.#parser.end()
    const { type, failure, fileHash } = this.#sink
    const { recursive } = this.#args
    const ownHash = this.#narHash.digest()
    this.#sink.endRoot(ownHash)
    const flat = !recursive && type === 'file' && fileHash !== undefined
    if (failure || (!recursive && !flat)) this.abandon()
    return {
      type,
      failure,
      links: this.#sink.links,
      contentHash: this.#other ? this.#other.digest() : ownHash,
      narHash: flat ? fileHash : ownHash,
      narSize: flat ? fileNarSize(this.#sink.size, false) : this.size,
      canonical: this.#parser.sorted,
      rest: new Uint8Array(rest),
    }
  }

  /** Leaves nothing behind. */
  abandon(): void {
    this.#sink.close()
    removeTree(this.#args.target)
    for (const link of this.#sink.links) removeUnusedLink(link)
  }
}
