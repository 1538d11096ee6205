// Runs one command on the services that are named by operands or by records on standard input, in their order.
import { readdirSync } from 'node:fs'
import type { Tool } from '@plumbline/common/cli/run-tool'
import { suggestName } from '@plumbline/common/cli/suggest-name'
import { ToolError } from '@plumbline/common/error/tool-error'
import { native } from '@plumbline/common/syscall/native'
import { toToolError } from '@plumbline/common/error/translate'
import { monotonicMs } from '@plumbline/common/process/monotonic'
import { configFolder, configSuffixes, readConfig } from '../config/read-config.ts'
import { resolveSettings } from '../config/settings.ts'
import { inspectService } from '../service/inspect.ts'
import { makeServiceRecord, type Context, type ServiceCommand } from './command.ts'
import { actionStatus, errorStatus, mergeStatuses, stateStatus } from './lsb-status.ts'
import { commandNames, findCommand } from './table.ts'

type Item = { conf: string } | { passed: number }

export async function runCommands(tool: Tool): Promise<number> {
  const { operands } = tool.arguments
  const name = operands.at(-1) ?? ''
  if (name === 'unit') return runUnit(tool, operands.slice(0, -1))
  const load = findCommand(name === 'list' ? 'status' : name)
  if (!load) {
    throw new ToolError('USAGE', {
      reason: describeMistake(operands, name),
      hint: suggestName(name, commandNames),
    })
  }
  const command = await load()
  const statuses: number[] = []
  for await (const item of name === 'list'
    ? listed(operands.slice(0, -1))
    : named(tool, operands.slice(0, -1))) {
    statuses.push('passed' in item ? item.passed : await runOne(tool, name, command, item.conf))
  }
  // A list tells what there is; that something does not run is no failure of listing.
  return name === 'list' ? (statuses.includes(actionStatus.notConfigured) ? 1 : 0) : mergeStatuses(statuses)
}

function describeMistake([first = '', ...rest]: readonly string[], last: string): string {
  if (last === '') return 'Expected a command'
  if (rest.length > 0 && commandNames.includes(first))
    return `The command comes last: ${[...rest, first].join(' ')}`
  return /[./]/.test(last) ? `Expected a command after "${last}"` : `There is no command "${last}"`
}

async function runUnit(tool: Tool, confs: readonly string[]): Promise<number> {
  const { printUnit } = await import('./unit.ts')
  const [conf, ...others] = confs
  if (others.length > 0) throw new ToolError('USAGE', { reason: 'A unit is for one configuration' })
  await printUnit(
    tool,
    conf === undefined ? undefined : resolveSettings(await readConfig(conf), tool.environment),
  )
  return actionStatus.ok
}

async function runOne(tool: Tool, action: string, command: ServiceCommand, conf: string): Promise<number> {
  const began = monotonicMs()
  const ms = () => Math.round(monotonicMs() - began)
  const { flags, values } = tool.arguments
  try {
    const settings = resolveSettings(await readConfig(conf), tool.environment)
    const context: Context = {
      action,
      settings,
      force: flags.has('force'),
      timeout: parseTimeout(values['timeout']?.[0]),
      cancel: tool,
      environment: tool.environment,
      diagnose: tool.diagnose,
      records: tool.records,
      values,
      flags,
      // Who starts a service waits for it. Other commands leave no process behind that init has to reap.
      onStarted: () => (tool.leave = native().leave),
    }
    try {
      const outcome = await command(context)
      if (!outcome) return actionStatus.ok
      await tool.records.write(makeServiceRecord(settings, action, outcome, ms()))
      if (outcome.exit === actionStatus.failed && action !== 'status' && outcome.reason)
        tool.diagnose(outcome.reason)
      return outcome.exit
    } catch (error) {
      const known = toToolError(error)
      if (known.code === 'INTERNAL' || known.code === 'USAGE') throw known
      tool.diagnose(known.message)
      const outcome = {
        exit: errorStatus(known),
        changed: false,
        seen: inspectService(settings),
        reason: known.message,
      }
      await tool.records.write(makeServiceRecord(settings, action, outcome, ms()))
      return outcome.exit
    }
  } catch (error) {
    const known = toToolError(error)
    if (known.code === 'INTERNAL' || known.code === 'USAGE') throw known
    tool.diagnose(known.message)
    const { makeErrorRecord } = await import('@plumbline/common/records/error')
    await tool.records.write(makeErrorRecord('daemonize', known, { conf }))
    return action === 'status' ? stateStatus.unknown : errorStatus(known)
  }
}

function parseTimeout(given: string | undefined): number | undefined {
  if (given === undefined) return undefined
  if (!/^\d{1,9}$/.test(given))
    throw new ToolError('USAGE', { reason: 'Option --timeout needs milliseconds' })
  return Number(given)
}

async function* listed(folders: readonly string[]): AsyncGenerator<Item> {
  for (const folder of folders.length > 0 ? folders : [configFolder]) {
    let names: string[]
    try {
      names = readdirSync(folder)
    } catch (error) {
      if (folders.length === 0) return
      throw new ToolError('CONFIG_UNREADABLE', { path: folder, reason: toToolError(error).message })
    }
    for (const name of names.sort()) {
      if (configSuffixes.some((suffix) => name.endsWith(suffix))) yield { conf: `${folder}/${name}` }
    }
  }
}

async function* named(tool: Tool, operands: readonly string[]): AsyncGenerator<Item> {
  if (operands.length > 0 && operands.join() !== '-') {
    for (const conf of operands) yield { conf }
    return
  }
  const { isInputAbsent, readStdin } = await import('@plumbline/common/cli/input')
  const { passOn } = await import('@plumbline/common/ndjson/pass-on')
  const { readRecords } = await import('@plumbline/common/ndjson/read')
  if (isInputAbsent()) throw new ToolError('USAGE', { reason: 'Expected a configuration before the command' })
  for await (const batch of readRecords(readStdin(tool.signal), { input: 'standard input' })) {
    for (const { record, line, bytes } of batch) {
      if (record.type === 'service' && typeof record['conf'] === 'string') yield { conf: record['conf'] }
      else if (record.type === 'service') {
        const reason = 'a service record names its configuration in "conf"'
        throw new ToolError('RECORD_INVALID', { input: 'standard input', line, reason })
      } else {
        // The end of another's stream is none of this one's; what failed upstream has failed here too.
        if (record.type !== 'end') await tool.records.write(passOn(record, bytes))
        if (record.type === 'error' || (record.type === 'end' && record['ok'] !== true))
          yield { passed: actionStatus.failed }
      }
    }
  }
}
