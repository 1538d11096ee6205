// What every command works with: the daemon, its operands, and where its records go.
import { stdout } from 'node:process'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { printable } from '@plumbline/common/cli/printable'
import type { ErrorCode } from '@plumbline/common/error/codes'
import { exitStatus } from '@plumbline/common/error/exit'
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { makeErrorRecord } from '@plumbline/common/records/error'
import { formatForPeople } from './format-for-people.ts'
import type { StoreClient } from './store-client.ts'

/** After these there is nobody to ask, or nothing to make of an answer. */
const fatal: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONNECTION_LOST',
  'DAEMON_PROTOCOL',
  'WIRE_INVALID',
  'INTERNAL',
  'CANCELLED',
  'USAGE',
])

export class Context {
  readonly tool: Tool
  readonly client: StoreClient
  /** Of the daemon, as it was named. */
  readonly address: string
  /** Text for a person, and not records. */
  readonly isForPeople: boolean
  /** The exit status so far. */
  status: number = exitStatus.ok

  constructor(tool: Tool, client: StoreClient, address: string) {
    this.tool = tool
    this.client = client
    this.address = address
    this.isForPeople = stdout.isTTY && !this.has('json')
    client.onLog = (text) => {
      if (this.has('quiet')) return
      for (const line of text.trimEnd().split('\n')) tool.diagnose(line)
    }
  }

  has(flag: string): boolean {
    return this.tool.arguments.flags.has(flag)
  }

  option(name: string): string | undefined {
    return this.tool.arguments.values[name]?.[0]
  }

  get operands(): readonly string[] {
    return this.tool.arguments.operands
  }

  async emit(record: OutRecord): Promise<void> {
    if (!this.isForPeople) return this.tool.records.write(record)
    const text = formatForPeople(record)
    if (text !== '') await this.tool.records.writeBytes(Buffer.from(`${printable(text)}\n`))
  }

  /** One item's failure is data, and the run goes on; without a daemon it cannot. */
  async fail(error: unknown, more: Record<string, unknown> = {}): Promise<void> {
    const known = toToolError(error)
    if (fatal.has(known.code) || this.client.isUnreachable) throw known
    this.status = exitStatus.someFailed
    const record = makeErrorRecord('store-cli', known, more)
    this.tool.diagnose(record.message)
    if (!this.isForPeople) await this.tool.records.write(record as unknown as OutRecord)
  }

  /** The last record of work. */
  async end(counts: Record<string, number>): Promise<void> {
    await this.emit({ type: 'end', tool: 'store-cli', ok: this.status === exitStatus.ok, counts })
  }

  /** Exactly `count` operands. Throws USAGE. */
  expectOperands(count: number, what: string): readonly string[] {
    if (this.operands.length !== count) throw new ToolError('USAGE', { reason: `Expected ${what}` })
    return this.operands
  }
}
