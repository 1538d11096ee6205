// Results for people: a line a property, its message and diff below it, a sentence at the end.
// Pure: no I/O.
import { printable } from '@plumbline/common/cli/printable'
import type { PropertyRecord, PropertyResult } from '@plumbline/common/records/property'
import type { Counts } from './counts.ts'

const colours: Readonly<Record<PropertyResult, string>> = {
  ok: '32',
  changed: '33',
  failed: '31',
  skipped: '36',
}

export class Table {
  readonly #colour: boolean
  readonly #width: number

  /** `hosts`: names that will come, for the width of their column. */
  constructor({ colour, hosts }: { colour: boolean; hosts: readonly string[] }) {
    this.#colour = colour
    this.#width = Math.max(0, ...hosts.map((host) => printable(host).length))
  }

  formatResult(record: PropertyRecord): string {
    const { host, result, desc, message, diff } = record
    const word = this.#paint(result.padEnd(7), colours[result])
    const lines = [`${printable(host).padEnd(this.#width)}  ${word}  ${printable(desc)}`]
    for (const line of message?.split('\n') ?? []) lines.push(`    ${printable(line)}`)
    for (const line of diff?.trimEnd().split('\n') ?? [])
      lines.push(`    ${this.#paintDiff(printable(line))}`)
    return `${lines.join('\n')}\n`
  }

  formatEnd(counts: Counts): string {
    const parts = Object.entries(counts).filter(([, count]) => count > 0)
    return `${parts.map(([result, count]) => `${count} ${result}`).join(', ') || 'nothing to do'}\n`
  }

  #paintDiff(line: string): string {
    if (/^(\+\+\+|---)/.test(line)) return line
    if (line.startsWith('+')) return this.#paint(line, '32')
    return line.startsWith('-') ? this.#paint(line, '31') : line
  }

  #paint(text: string, code: string): string {
    return this.#colour ? `\u001b[${code}m${text}\u001b[0m` : text
  }
}
