// The options of propapply: the table for parsing and help, and their values.
// Pure: no I/O.
import { parseDurationOption } from '@plumbline/common/cli/duration'
import type { Arguments, OptionTable } from '@plumbline/common/cli/option-table'
import { ToolError } from '@plumbline/common/error/tool-error'

export const optionTable = {
  property: {
    type: 'string',
    alias: 'p',
    argument: 'APPLICATION',
    repeat: true,
    describe: "apply this too: 'NAME FIELD=VALUE …', words as in sh, lists and objects as JSON",
  },
  local: { type: 'boolean', alias: 'n', describe: 'apply to this machine; standard input is not read' },
  check: { type: 'boolean', describe: 'change nothing; "changed" means that it would change' },
  diff: { type: 'boolean', describe: 'show changes of text as a unified diff' },
  unapply: { type: 'boolean', describe: 'undo the properties, in reverse order' },
  jobs: { type: 'string', argument: 'N', default: '32', describe: 'work on so many hosts at a time' },
  timeout: {
    type: 'string',
    argument: 'DURATION',
    default: '1h',
    describe: 'longest time for each property that says none, such as 30s or 5m',
  },
  'fail-fast': { type: 'boolean', describe: 'stop a host at its first property that fails' },
  list: { type: 'boolean', describe: 'list the properties' },
  explain: { type: 'string', argument: 'NAME', describe: 'explain a property: fields, meaning, an example' },
} as const satisfies OptionTable

export type Options = {
  sites: string[]
  inline: readonly string[]
  local: boolean
  unapply: boolean
  jobs: number
  timeoutMs: number
  mode: { check: boolean; diff: boolean; failFast: boolean }
}

/** Throws USAGE. */
export function parseOptions({ operands, flags, values }: Arguments): Options {
  const inline = values['property'] ?? []
  if (operands.length + inline.length === 0) {
    throw new ToolError('USAGE', { reason: 'Expected a site file, or a property with -p' })
  }
  if (operands.filter((path) => path === '-').length > 1) {
    throw new ToolError('USAGE', { reason: 'Standard input can be read once only' })
  }
  return {
    sites: operands,
    inline,
    // Standard input cannot hold both the site and the connections.
    local: flags.has('local') || operands.includes('-'),
    unapply: flags.has('unapply'),
    jobs: parseJobs(values['jobs']?.[0] ?? optionTable.jobs.default),
    timeoutMs: parseTimeout(values['timeout']?.[0] ?? optionTable.timeout.default),
    mode: { check: flags.has('check'), diff: flags.has('diff'), failFast: flags.has('fail-fast') },
  }
}

function parseJobs(text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) {
    throw new ToolError('USAGE', { reason: `Option --jobs expects a number above 0, found "${text}"` })
  }
  return Number(text)
}

function parseTimeout(text: string): number {
  const ms = parseDurationOption(text, '--timeout')
  if (ms > 0) return ms
  throw new ToolError('USAGE', { reason: 'Option --timeout expects a duration above 0' })
}
