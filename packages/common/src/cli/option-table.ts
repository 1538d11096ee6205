// The options and commands of a program as data: parsing, help and manuals are made from the same table.
// Pure: no I/O.

export type Option = {
  type: 'boolean' | 'string'
  describe: string
  alias?: string
  /** What a string option's argument is called in help. */
  argument?: string
  /** A boolean option may say so in words, as in `--option=no`: which words. */
  optionalArgument?: readonly string[]
  /** May be given more than once. */
  repeat?: boolean
  default?: string
}

export type OptionTable = Readonly<Record<string, Option>>

export type Command = {
  /** Operands as help shows them, e.g. "[HOST…]". */
  operands: string
  describe: string
  options: OptionTable
  /** The first operand ends the options: what follows belongs to another command. */
  haltAtOperand?: boolean
}

export type CommandLine = {
  program: string
  describe: string
  /** `Program WORD …` programs have commands; the others one command, named ''. Some are read when they are named. */
  commands: Readonly<Record<string, Command | (() => Promise<Command>)>>
  examples: readonly (readonly [command: string, what: string])[]
}

/** Undefined when there is none of that name. */
export async function loadCommand({ commands }: CommandLine, name: string): Promise<Command | undefined> {
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined
  return typeof command === 'function' ? command() : command
}

export type Arguments = {
  command: string
  operands: string[]
  flags: ReadonlySet<string>
  values: Readonly<Record<string, readonly string[]>>
}

/** What every program has. */
export const standardOptions = {
  help: { type: 'boolean', alias: 'h', describe: 'show this help' },
  version: { type: 'boolean', alias: 'V', describe: 'show the version' },
  schema: { type: 'boolean', describe: 'show the JSON Schemas of the records read and written' },
} as const satisfies OptionTable
