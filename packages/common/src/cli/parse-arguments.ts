// argv to Arguments, by the POSIX utility conventions (XBD 12.2) with GNU long options, through Node's parseArgs:
// yargs costs as much as all of Node to load, and is kept for help.
// Pure: no I/O.
import { parseArgs } from 'node:util'
import { ToolError } from '../error/tool-error.ts'
import { suggestName } from './suggest-name.ts'
import {
  loadCommand,
  standardOptions,
  type Arguments,
  type Command,
  type CommandLine,
  type OptionTable,
} from './option-table.ts'

/** Arguments after the program's name. Throws USAGE. */
export async function parseArguments(line: CommandLine, argv: readonly string[]): Promise<Arguments> {
  const single = await loadCommand(line, '')
  if (single) return parseCommand('', single, argv)
  const [first = '', ...rest] = argv
  if (first === '' || first.startsWith('-')) {
    const options = { operands: '', describe: '', options: {}, haltAtOperand: true }
    return parseCommand('', options, argv, ' before the command')
  }
  const command = await loadCommand(line, first)
  if (command) return parseCommand(first, command, rest)
  const hint = suggestName(first, Object.keys(line.commands))
  throw new ToolError('USAGE', { reason: `There is no "${first}"`, hint })
}

function parseCommand(name: string, command: Command, argv: readonly string[], where = ''): Arguments {
  const options: OptionTable = { ...standardOptions, ...command.options }
  const { args, operands } = command.haltAtOperand
    ? splitAtOperand(options, argv)
    : { args: argv, operands: [] }
  const flags = new Set<string>()
  const values: Record<string, string[]> = {}
  for (const token of tokenize(options, args)) {
    if (token.kind === 'positional') operands.push(token.value)
    if (token.kind !== 'option') continue
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (!option) throw unknownOption(token.rawName, options, where)
    if (option.type === 'boolean') {
      const words = option.optionalArgument
      if (token.value === undefined) flags.add(token.name)
      else if (!words) throw usage(`Option ${token.rawName} takes no argument`)
      else if (words.includes(token.value)) values[token.name] = [token.value]
      else throw usage(`Option ${token.rawName} takes ${words.join(' or ')}, not "${token.value}"`)
      continue
    }
    if (token.value === undefined) throw usage(`Option ${token.rawName} needs an argument`)
    const given = (values[token.name] ??= [])
    if (given.length > 0 && !option.repeat) throw usage(`Option ${token.rawName} was given twice`)
    given.push(token.value)
  }
  return { command: name, operands, flags, values }
}

function tokenize(table: OptionTable, args: readonly string[]) {
  // parseArgs() takes a millisecond to load, and most command lines have no options.
  if (!args.some((each) => each.startsWith('-')))
    return args.map((value, index) => ({ kind: 'positional' as const, index, value }))

  const options = Object.fromEntries(
    Object.entries(table).map(([name, { type, alias }]) => [
      name,
      { type, multiple: true, ...(alias && { short: alias }) },
    ]),
  )
  return parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true }).tokens
}

function splitAtOperand(table: OptionTable, argv: readonly string[]) {
  const first = tokenize(table, argv).find(({ kind }) => kind !== 'option')
  if (!first) return { args: argv, operands: [] as string[] }
  const from = first.kind === 'option-terminator' ? first.index + 1 : first.index
  return { args: argv.slice(0, first.index), operands: argv.slice(from) }
}

function unknownOption(rawName: string, table: OptionTable, where: string): ToolError {
  const nearest = suggestName(rawName.replace(/^-+/, ''), Object.keys(table), '--')
  return new ToolError('USAGE', { reason: `There is no option ${rawName}${where}`, hint: nearest })
}

function usage(reason: string): ToolError {
  return new ToolError('USAGE', { reason })
}
