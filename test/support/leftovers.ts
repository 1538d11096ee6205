// What a pipeline may have left behind, here and there: processes, sockets, temporary files. Needs root, to see into
// the processes of others.
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Scratch } from './scratch.ts'

/** Much longer than anything takes that ends by itself. */
const patienceMs = 10_000

export class Leftovers {
  /** For the pipeline: it marks its processes, and keeps sockets and temporary files in places of their own. */
  readonly env: Record<string, string>
  readonly #mark: string
  readonly #folders: string[]
  readonly #users: readonly string[]
  /** Of users of the same number, before these were made. */
  readonly #older: ReadonlySet<string>

  /** `users` are those of the far side, who have nothing else to do. */
  constructor(scratch: Scratch, users: readonly string[]) {
    const [runtime, temporary] = [scratch.file('runtime'), scratch.file('temporary')]
    this.#folders = [runtime, temporary]
    for (const folder of this.#folders) mkdirSync(folder, { mode: 0o700 })
    this.#mark = `PLUMBLINE_MARK=${scratch.path}`
    this.#users = users
    this.#older = new Set(this.#theirs())
    this.env = { PLUMBLINE_MARK: scratch.path, XDG_RUNTIME_DIR: runtime, TMPDIR: temporary }
  }

  /** Resolves when nothing is left; fails with what is. */
  async expectNone(): Promise<void> {
    const end = Date.now() + patienceMs
    while (this.list().length > 0 && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(this.list()).toEqual([])
  }

  list(): string[] {
    return [...this.#processes(), ...this.#files()]
  }

  #processes(): string[] {
    const uids = new Set(this.#users.map((user) => execFileSync('id', ['-u', user]).toString().trim()))
    const marks = [this.#mark, ...this.#users.map((user) => `SUDO_USER=${user}`)]
    return readdirSync('/proc').flatMap((pid) => {
      try {
        if (!/^\d+$/.test(pid) || /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
          return []
        const [, uid = ''] = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
        if (!uids.has(uid) && !marks.some((mark) => environment.includes(mark))) return []
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').slice(0, 200)}`]
      } catch {
        return []
      }
    })
  }

  #files(): string[] {
    const ours = this.#folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true })
        // The directory of the sockets stays.
        .filter((name) => name !== 'plumbline')
        .map((name) => `${folder}/${String(name)}`),
    )
    return [...ours, ...this.#theirs().filter((path) => !this.#older.has(path))]
  }

  #theirs(): string[] {
    const uids = new Set(this.#users.map((user) => Number(execFileSync('id', ['-u', user]))))
    return readdirSync('/tmp')
      .map((name) => `/tmp/${name}`)
      .filter((path) => uids.has(lstatSync(path, { throwIfNoEntry: false })?.uid ?? -1))
  }
}
