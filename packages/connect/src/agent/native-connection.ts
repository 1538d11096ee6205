// The place where the agent runs, as a connection: files by system calls, commands as on this machine, fresh agents.
import { createRequire } from 'node:module'
import { resolve } from 'node:path/posix'
import type { Readable } from 'node:stream'
import { Script } from 'node:vm'
import type {
  Connection,
  Place,
  Running,
  RunRequest,
  WriteOptions,
} from '@plumbline/common/connection/connection'
import { formatKeep } from '@plumbline/common/connection/file-commands'
import { makeLocalEntry } from '@plumbline/common/connection/open-local'
import { ShellConnection } from '@plumbline/common/connection/shell-connection'
import type { ToolError } from '@plumbline/common/error/tool-error'
import { pickFacts, type FactName, type Facts } from '@plumbline/common/records/facts'
import type { Forker } from './fork.ts'
import { readFacts } from './native-facts.ts'
import { readNative, writeNative, type Keep } from './native-files.ts'

export type Native = { host: string; place: Place; environment: NodeJS.ProcessEnv; fork: Forker }

export class NativeConnection implements Connection {
  readonly #native: Native
  readonly #shell: ShellConnection
  readonly fork: Forker
  readonly lost: Promise<ToolError>

  constructor(native: Native) {
    this.#native = native
    this.fork = native.fork
    this.#shell = new ShellConnection(makeLocalEntry(native.environment), { place: native.place })
    this.lost = this.#shell.lost
  }

  run(request: RunRequest): Running {
    return this.#shell.run(request)
  }

  runlines(request: RunRequest): Promise<string[]> {
    return this.#shell.runlines(request)
  }

  readfile(path: string): Readable {
    return readNative(this.#at(path), this.#native.host)
  }

  writefile(path: string, content: AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<void> {
    const guard = (temporary: string) => this.#shell.guard(temporary)
    const keep: Keep = (from, to, inode) => this.runlines({ command: formatKeep(from, to, inode) })
    return writeNative(this.#at(path), content, options, { host: this.#native.host, guard, keep })
  }

  async evaluate(source: string, argument: unknown): Promise<unknown> {
    const module: { exports: { main?: (argument: unknown) => unknown } } = { exports: {} }
    const wrapped = new Script(`(function(exports,require,module){${source}\n})`).runInThisContext() as (
      ...given: unknown[]
    ) => void
    wrapped(module.exports, createRequire('/'), module)
    return module.exports.main?.(argument)
  }

  async facts(names: readonly FactName[]): Promise<Partial<Facts>> {
    return pickFacts(readFacts(this.#native.place), names)
  }

  close(): Promise<void> {
    return this.#shell.close()
  }

  #at(path: string): string {
    return resolve(this.#native.place.home, path)
  }
}
