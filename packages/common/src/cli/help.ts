// The help text, laid out by yargs, which is loaded for nothing else.
import type { CommandLine, Option, OptionTable } from './option-table.ts'
import { loadCommand, standardOptions } from './option-table.ts'

/** As manual pages have it; a terminal is hardly ever narrower. */
const columns = 80

/** Help for the program, or for one of its commands. */
export async function formatHelp(line: CommandLine, name: string): Promise<string> {
  const { default: yargs } = await import('yargs')
  const command = await loadCommand(line, name)
  const usage = command
    ? [
        formatUsage([line.program, name], command),
        name === '' ? line.describe : '',
        toSentence(command.describe),
      ]
    : [`${line.program} COMMAND [OPTION…] [OPERAND…]`, line.describe]
  // By itself it asks for the working directory, which may be gone.
  const help = yargs([], '/')
    .scriptName(line.program)
    .locale('en')
    .help(false)
    .version(false)
    .wrap(columns)
    .usage(usage.filter(Boolean).join('\n\n'))
  for (const other of command ? [] : Object.keys(line.commands)) {
    const { operands = '', describe = '' } = (await loadCommand(line, other)) ?? {}
    help.command(`${other} ${operands}`.trim(), describe)
  }
  addOptions(help, { ...command?.options, ...standardOptions })
  return `${shortenDigits(await help.getHelp())}\n${formatExamples(examplesOf(line, name))}`
}

/** Of a command: those that it is used in. */
function examplesOf({ program, examples }: CommandLine, name: string): CommandLine['examples'] {
  return examples.filter(([example]) => name === '' || `${example} `.includes(`${program} ${name} `))
}

/** A digit is a short option, which yargs believes only of those whose type it shows: `-0, --null`. */
function shortenDigits(help: string): string {
  return help.replaceAll(/^ {6}(--\S+), --(\d)/gm, '  -$2, $1     ')
}

/** Not yargs's two columns: a command that is broken in two cannot be copied. */
function formatExamples(examples: CommandLine['examples']): string {
  if (examples.length === 0) return ''
  return ['\nExamples:\n', ...examples.map(([command, what]) => `  ${command}\n      ${what}\n`)].join('')
}

function formatUsage(words: readonly string[], { operands }: { operands: string }): string {
  return [...words, '[OPTION…]', operands].filter(Boolean).join(' ')
}

type Yargs = ReturnType<(typeof import('yargs'))['default']>

function addOptions(help: Yargs, table: OptionTable): void {
  for (const [name, option] of Object.entries(table)) {
    // Without its type, which would only be noise at the end of each line.
    help.option(name, {
      describe: describeOption(option),
      ...(option.alias && { alias: option.alias }),
      ...(option.default && { defaultDescription: option.default }),
    })
  }
}

function describeOption({ argument, describe }: Option): string {
  return argument ? `${argument}: ${describe}` : describe
}

function toSentence(text: string): string {
  const end = text === '' || text.endsWith('.') ? '' : '.'
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`
}
