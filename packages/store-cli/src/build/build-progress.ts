// The line at the bottom of a terminal that shows what runs, what waits, and how far downloads are.
import { stderr } from 'node:process'
import { writeDiagnostic } from '@plumbline/common/cli/diagnose'
import { printable } from '@plumbline/common/cli/printable'
import { storeName } from '@plumbline/common/store/store-path'

const repaintMs = 100
const defaultWidth = 80

export class BuildProgress {
  readonly #timer: NodeJS.Timeout | undefined
  readonly #planned: number
  readonly #building = new Map<string, { since: number; last: string }>()
  readonly #downloads = new Map<string, { size: number; done: number }>()
  #finished = 0
  #shown = false

  /** Without a terminal there is nothing to show. */
  constructor(planned: number, isTerminal: boolean) {
    this.#planned = planned
    if (isTerminal) this.#timer = setInterval(() => this.#paint(), repaintMs).unref()
  }

  started(path: string): void {
    this.#building.set(path, { since: performance.now(), last: '' })
  }

  printed(path: string, line: string): void {
    const build = this.#building.get(path)
    if (build) build.last = line
  }

  /** Milliseconds since it started. */
  ended(path: string): number {
    const build = this.#building.get(path)
    this.#building.delete(path)
    this.#finished++
    return build ? Math.round(performance.now() - build.since) : 0
  }

  downloading(path: string, size: number, done: number): void {
    this.#downloads.set(path, { size, done })
  }

  downloaded(path: string): void {
    if (this.#downloads.delete(path)) this.#finished++
  }

  /** Takes the line away, for other text to be written. */
  clear(): void {
    if (this.#shown) writeDiagnostic('\r\x1b[K')
    this.#shown = false
  }

  end(): void {
    clearInterval(this.#timer)
    this.clear()
  }

  #paint(): void {
    const builds = [...this.#building].map(([path, { since, last }]) => {
      const seconds = Math.floor((performance.now() - since) / 1000)
      const name = storeName(path).replace(/\.drv$/, '')
      return `${name} ${seconds} s${this.#building.size === 1 && last ? `: ${last}` : ''}`
    })
    const downloads = [...this.#downloads].map(([path, { size, done }]) => {
      const percent = size > 0 ? `${Math.floor((done / size) * 100)} %` : `${(done / 2 ** 20).toFixed(1)} MiB`
      return `${storeName(path)} ${percent}`
    })
    const waiting = Math.max(0, this.#planned - this.#finished - builds.length - downloads.length)
    const parts = [
      `${this.#finished}/${Math.max(this.#planned, this.#finished)}`,
      ...(waiting > 0 ? [`${waiting} waiting`] : []),
      ...(builds.length > 0 ? [`building ${builds.join(', ')}`] : []),
      ...(downloads.length > 0 ? [`downloading ${downloads.join(', ')}`] : []),
    ]
    const width = (stderr.columns || defaultWidth) - 1
    writeDiagnostic(`\r\x1b[K${printable(parts.join(' | ')).slice(0, width)}`)
    this.#shown = true
  }
}
