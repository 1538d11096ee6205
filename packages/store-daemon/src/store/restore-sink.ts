// Writes what a nar holds to disk, in the canonical form of items as it goes: mode 0444, or 0555 for directories and
// what is executable; time 1; nothing but regular files, directories and symlinks.
//
// Every file and directory has to be new (O_EXCL, mkdir): a name that comes twice, or a symlink that would be used
// as a directory, is an error and never written through.
import {
  chmodSync,
  closeSync,
  futimesSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs'
import type { Hash } from 'node:crypto'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import { toPath } from '@plumbline/common/store/byte-string'
import type { NarSink } from '@plumbline/common/store/nar/nar-parser'
import { fault } from '../fault.ts'
import { deduplicateFile, deduplicationMinimum, linkOf } from './deduplicate.ts'
import { endFileHash, startFileHash } from './file-hash.ts'

const canonicalTime = 1

export type RestoreOptions = {
  /** The store whose .links to use; without it nothing is deduplicated. */
  deduplicateIn?: string | undefined
  /** Regular files lose their execute bit. */
  dropExecutable?: boolean
  /** Is fed with the contents of every file. */
  contentHash?: Hash | undefined
  /** Whether a file of that size is to be hashed by somebody else; `hashElsewhere` is told when it is complete. */
  isElsewhere?: (size: number) => boolean
  hashElsewhere?: (path: string) => void
}

export class RestoreSink implements NarSink {
  readonly #root: string
  readonly #options: RestoreOptions
  #fd = -1
  #file = { path: '', size: 0, executable: false }
  #hash: Hash | undefined
  #elsewhere = false
  /** The root, once seen. */
  type: 'file' | 'directory' | 'symlink' | undefined
  /** The first thing that could not be written; what comes after it is only read. */
  failure: { verb: string; path: string; reason: string } | undefined
  /** `.links` entries that were made here. */
  readonly links: string[] = []
  /** Of the single file that the root is: the hash of its own nar, which has no execute bit if that is dropped. */
  fileHash: Buffer | undefined

  constructor(root: string, options: RestoreOptions = {}) {
    this.#root = root
    this.#options = options
  }

  directory(path: string): void {
    this.type ??= 'directory'
    this.#try('creating directory', path, (target) => mkdirSync(target, 0o755))
  }

  endDirectory(path: string): void {
    this.#try('changing mode of', path, (target) => {
      chmodSync(target, 0o555)
      lutimesSync(target, canonicalTime, canonicalTime)
    })
  }

  symlink(path: string, target: string): void {
    this.type ??= 'symlink'
    this.#try('creating symlink', path, (place) => {
      symlinkSync(toPath(target), place)
      lutimesSync(place, canonicalTime, canonicalTime)
    })
  }

  file(path: string, size: number, executable: boolean): void {
    this.type ??= 'file'
    const runs = executable && !this.#options.dropExecutable
    this.#file = { path, size, executable: runs }
    const isLarge = size >= deduplicationMinimum && this.#options.deduplicateIn !== undefined
    // Of a root that stays as it is, the nar is the one that is read, and hashed already.
    this.#elsewhere = path !== '' && isLarge && (this.#options.isElsewhere?.(size) ?? false)
    const isHashed = path === '' ? this.#options.dropExecutable : isLarge && !this.#elsewhere
    this.#hash = isHashed ? startFileHash(size, runs) : undefined
    this.#try('creating file', path, (target) => {
      this.#fd = openSync(target, 'wx', runs ? 0o555 : 0o444)
    })
  }

  contents(bytes: Buffer): void {
    this.#hash?.update(bytes)
    this.#options.contentHash?.update(bytes)
    if (this.#fd < 0) return
    this.#try('writing to file', this.#file.path, () => {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done)
    })
  }

  endFile(): void {
    fault('unpack-in-file')
    const { path, size } = this.#file
    const hash = this.#hash && endFileHash(this.#hash, size)
    if (path === '') this.fileHash = hash
    if (this.#fd < 0) return
    this.#try('closing file', path, () => futimesSync(this.#fd, canonicalTime, canonicalTime))
    this.close()
    if (hash) this.#deduplicate(path, size, hash)
    else if (this.#elsewhere) this.#options.hashElsewhere?.(this.#root + path)
  }

  /** Of a root that is a file and stays as it is: the hash of the nar that was read. */
  endRoot(narHash: Uint8Array): void {
    if (this.type === 'file' && !this.#options.dropExecutable) this.#deduplicate('', this.#file.size, narHash)
  }

  #deduplicate(path: string, size: number, hash: Uint8Array): void {
    if (size >= deduplicationMinimum) this.deduplicate(this.#root + path, hash)
  }

  /** Makes the file `place` of this tree share the inode of its contents. */
  deduplicate(place: string, hash: Uint8Array): void {
    const { deduplicateIn } = this.#options
    if (!deduplicateIn || this.failure) return
    if (deduplicateFile(deduplicateIn, place, hash) === 'first') this.links.push(linkOf(deduplicateIn, hash))
  }

  /** Of the file last seen. */
  get size(): number {
    return this.#file.size
  }

  /** Closes the file that is being written, if any. */
  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd)
    this.#fd = -1
  }

  #try(verb: string, path: string, action: (target: string | Buffer) => void): void {
    if (this.failure) return
    try {
      action(toPath(this.#root + path))
    } catch (error) {
      if (['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '')) {
        const reason = `${verb} \`${this.#root}${path}': ${reasonOf(error)}`
        throw new ToolError('STORE_FAILED', { reason }, { cause: error })
      }
      const reason = errnoOf(error) === 'EEXIST' ? 'File exists' : reasonOf(error)
      this.failure = { verb, path, reason }
    }
  }
}
