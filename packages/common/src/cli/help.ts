// The help text, laid out by yargs, which is loaded for nothing else.
import type { CommandLine, OptionTable } from './option-table.ts'
import { standardOptions } from './option-table.ts'

/** Help for the program, or for one of its commands. */
export async function formatHelp(line: CommandLine, name: string): Promise<string> {
  const { default: yargs } = await import('yargs')
  const command = line.commands[name]
  const usage = command
    ? `${[line.program, name].filter(Boolean).join(' ')} [OPTION…] ${command.operands}\n\n${command.describe}`
    : `${line.program} COMMAND [OPTION…]\n\n${line.describe}`
  const help = yargs([])
    .scriptName(line.program)
    .locale('en')
    .help(false)
    .version(false)
    .wrap(100)
    .usage(usage.replaceAll('$', '$$$$'))
    .updateStrings({ 'Options:': 'Options:' })
  for (const [commandName, { operands, describe }] of command ? [] : Object.entries(line.commands)) {
    help.command(`${commandName} ${operands}`.trim().replaceAll(/[[\]<>.…|]/g, ''), describe)
  }
  addOptions(help, { ...command?.options, ...standardOptions })
  for (const [example, what] of line.examples) help.example(example, what)
  return `${await help.getHelp()}\n`
}

type Yargs = ReturnType<(typeof import('yargs'))['default']>

function addOptions(help: Yargs, table: OptionTable): void {
  for (const [name, option] of Object.entries(table)) {
    help.option(name, {
      type: option.type,
      describe: option.argument ? `${option.argument}: ${option.describe}` : option.describe,
      ...(option.alias && { alias: option.alias }),
      ...(option.default && { defaultDescription: option.default }),
    })
  }
}
