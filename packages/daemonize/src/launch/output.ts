// What a service says while it is being started: from its log file as it grows, or from the keeper that carries it.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  readlinkSync,
  watch,
  type FSWatcher,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import type { Log } from '../config/settings.ts'
import { makeFolder } from '@plumbline/common/process/make-folder'
import { followOwnLinks } from '../service/path-danger.ts'
import type { KeeperLink } from './keeper-link.ts'

const { O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants
const tailBytes = 8192
const chunkBytes = 64 * 1024

export class Output {
  /** For the service's standard output and error. */
  readonly fd: number | undefined
  /** Of a log that the keeper carries: where it is, without links on the way. */
  readonly kept: string | undefined
  readonly #reader: number | undefined
  #offset: number
  #tail = Buffer.alloc(0)
  #listeners = new Set<(bytes: Buffer) => void>()
  #watcher: FSWatcher | undefined
  #path: string | undefined

  private constructor(reader: number | undefined, offset: number, kept?: string) {
    this.kept = kept
    this.#reader = reader
    // Opened once more, so that the service can write and not read, and waits where it has to.
    this.fd =
      reader === undefined ? undefined : openSync(`/proc/self/fd/${reader}`, O_WRONLY | O_APPEND | O_NOCTTY)
    this.#offset = offset
  }

  /** Throws CANNOT_CREATE. */
  static open(log: Log): Output {
    if (log.kind !== 'file' && log.kind !== 'kept') return new Output(undefined, 0)
    makeFolder(dirname(log.path), 0o755)
    try {
      const folder = followOwnLinks(dirname(log.path))
      if (log.kind === 'kept') return new Output(undefined, 0, join(folder, basename(log.path)))
      const fd = openSync(log.path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0o640)
      const stat = fstatSync(fd)
      const isThere = readlinkSync(`/proc/self/fd/${fd}`) === join(folder, basename(log.path))
      if (isThere && (stat.isFile() || stat.isCharacterDevice())) return new Output(fd, stat.size)
      closeSync(fd)
      throw new Error(isThere ? 'not a regular file' : 'its folder was changed meanwhile')
    } catch (error) {
      throw new ToolError('CANNOT_CREATE', { path: log.path, reason: reasonOf(error) }, { cause: error })
    }
  }

  /** Hears what the keeper carries; the file that it does not is read when somebody wants to know. */
  follow(link: KeeperLink, path: string | undefined): void {
    this.#path = path
    link.listen((event) => {
      if (event.kind === 'out') this.#hear(event.bytes)
    })
  }

  listen(listener: (bytes: Buffer) => void): () => void {
    this.#listeners.add(listener)
    if (this.#tail.length > 0) listener(this.#tail)
    if (this.#reader !== undefined && this.#path !== undefined) {
      this.#watcher ??= watch(this.#path, () => this.#catchUp())
      // The service may have said it before anyone watched.
      this.#catchUp()
    }
    return () => this.#listeners.delete(listener)
  }

  /** The last lines so far. */
  lastLines(count: number): string[] {
    this.#catchUp()
    return this.#tail
      .toString('utf8')
      .split('\n')
      .filter((line) => line.trim() !== '')
      .slice(-count)
  }

  close(): void {
    this.#watcher?.close()
    if (this.fd !== undefined) closeSync(this.fd)
    if (this.#reader !== undefined) closeSync(this.#reader)
  }

  #catchUp(): void {
    if (this.#reader === undefined || !fstatSync(this.#reader).isFile()) return
    for (;;) {
      const bytes = Buffer.alloc(chunkBytes)
      const length = readSync(this.#reader, bytes, 0, chunkBytes, this.#offset)
      if (length === 0) return
      this.#offset += length
      this.#hear(bytes.subarray(0, length))
    }
  }

  #hear(bytes: Buffer): void {
    this.#tail = Buffer.concat([this.#tail, bytes]).subarray(-tailBytes)
    for (const listener of this.#listeners) listener(bytes)
  }
}
