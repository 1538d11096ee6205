// Where results go: records for programs, lines for people, and a count either way.
import type { Tool } from '@plumbline/common/cli/run-tool'
import { makeErrorRecord } from '@plumbline/common/records/error'
import type { ToolError } from '@plumbline/common/error/tool-error'
import type { Outcome, Step } from '../run-program.ts'
import { makeCounts, type Counts } from './counts.ts'
import { diffField } from './diff.ts'
import type { Table } from './table.ts'

export class Reporter {
  readonly counts: Counts = makeCounts()
  /** A host, or the whole run, failed other than by a property. */
  failed = false
  onResult: () => void = () => undefined
  readonly #tool: Tool
  readonly #table: Table | undefined
  readonly #withDiff: boolean
  readonly #undiffed = new Set<string>()

  /** With a table, lines for people are written in place of records. */
  constructor(tool: Tool, { table, diff }: { table: Table | undefined; diff: boolean }) {
    this.#tool = tool
    this.#table = table
    this.#withDiff = diff
  }

  async result(host: string, { application }: Step, outcome: Outcome): Promise<void> {
    const { property, desc } = application
    const { result, ms, message } = outcome
    this.counts[result]++
    this.onResult()
    if (this.#withDiff && outcome.diff?.length === 0) this.#missDiff(host)
    const said = message === undefined ? {} : { message }
    const diff = this.#withDiff ? diffField(outcome.diff) : { diff: null }
    const record = { type: 'property', host, property, desc, result, ms, ...diff, ...said } as const
    if (this.#table) await this.#write(this.#table.formatResult(record))
    else await this.#tool.records.write(record)
  }

  #missDiff(host: string): void {
    if (!this.#undiffed.has(host)) this.#tool.diagnose(`${host} has no diff(1): changes there are not shown`)
    this.#undiffed.add(host)
  }

  async error(host: string | null, error: ToolError): Promise<void> {
    this.failed = true
    if (this.#table) this.#tool.diagnose(host ? `${host}: ${error.message}` : error.message)
    else await this.#tool.records.write(makeErrorRecord('propapply', error, { host }))
  }

  /** The last record; `ok` as the exit status will say. */
  async end(ok: boolean): Promise<void> {
    const { counts } = this
    if (this.#table) await this.#write(this.#table.formatEnd(counts))
    else await this.#tool.records.write({ type: 'end', tool: 'propapply', ok, counts })
  }

  async #write(text: string): Promise<void> {
    await this.#tool.records.writeBytes(Buffer.from(text))
  }
}
