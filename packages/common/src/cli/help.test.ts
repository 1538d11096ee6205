import { expect, test } from 'vitest'
import { formatHelp } from './help.ts'
import type { CommandLine } from './option-table.ts'

const fetch = {
  operands: '[USER@]HOST…',
  describe: 'fetch from hosts, each as it comes',
  options: {
    'time-out': {
      type: 'string',
      argument: 'DURATION',
      default: '30s',
      describe: 'how long to wait for one',
    },
    all: {
      type: 'boolean',
      alias: 'a',
      describe: 'a description that goes on for so long that it has to be broken',
    },
  },
} as const
const several: CommandLine = {
  program: 'tool',
  describe: 'Fetches, for $HOME.',
  commands: { fetch, stop: { operands: '', describe: 'stop', options: {} } },
  examples: [['tool fetch web1 web2 | tool stop --with a-long-word --and another', 'both']],
}

test('formatHelp() shows the commands of a program', async () => {
  expect(await formatHelp(several, '')).toMatchInlineSnapshot(`
    "tool COMMAND [OPTION…] [OPERAND…]

    Fetches, for $HOME.

    Commands:
      tool fetch [USER@]HOST…  fetch from hosts, each as it comes
      tool stop                stop

    Options:
      -h, --help     show this help
      -V, --version  show the version
          --schema   show the JSON Schemas of the records read and written

    Examples:
      tool fetch web1 web2 | tool stop --with a-long-word --and another
          both
    "
  `)
})

test('formatHelp() shows the options of a command', async () => {
  expect(await formatHelp(several, 'fetch')).toMatchInlineSnapshot(`
    "tool fetch [OPTION…] [USER@]HOST…

    Fetch from hosts, each as it comes.

    Options:
          --time-out  DURATION: how long to wait for one              [default: 30s]
      -a, --all       a description that goes on for so long that it has to be
                      broken
      -h, --help      show this help
      -V, --version   show the version
          --schema    show the JSON Schemas of the records read and written

    Examples:
      tool fetch web1 web2 | tool stop --with a-long-word --and another
          both
    "
  `)
})

test('formatHelp() shows a program that has no commands', async () => {
  const single = { ...several, commands: { '': fetch }, examples: [] }
  expect(await formatHelp(single, '')).toMatchInlineSnapshot(`
    "tool [OPTION…] [USER@]HOST…

    Fetches, for $HOME.

    Fetch from hosts, each as it comes.

    Options:
          --time-out  DURATION: how long to wait for one              [default: 30s]
      -a, --all       a description that goes on for so long that it has to be
                      broken
      -h, --help      show this help
      -V, --version   show the version
          --schema    show the JSON Schemas of the records read and written
    "
  `)
})

test('formatHelp() shows of a command the examples that it is in', async () => {
  const examples = [
    ['tool fetch web1 | tool stop', 'both'],
    ['tool fetch-all', 'another'],
  ] as const
  expect(await formatHelp({ ...several, examples }, 'fetch')).toContain(
    '\nExamples:\n  tool fetch web1 | tool stop\n      both\n',
  )
  expect(await formatHelp({ ...several, examples }, 'fetch')).not.toContain('fetch-all')
  expect(await formatHelp({ ...several, examples: examples.slice(1) }, 'fetch')).not.toContain('Examples')
})

test('formatHelp() shows a digit as the short option that it is', async () => {
  const options = { null: { type: 'boolean', alias: '0', describe: 'names end with NUL' } } as const
  const help = await formatHelp({ ...several, commands: { '': { ...fetch, options } } }, '')
  expect(help).toMatch(/^ {2}-0, --null {7}names end with NUL\n {2}-h, --help {7}show/m)
})

test('formatHelp() keeps to 80 columns and leaves no option out', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `option-${'x'.repeat(index)}`)
  const options = Object.fromEntries(
    names.map((name) => [name, { type: 'boolean' as const, describe: `${name} `.repeat(9) }]),
  )
  const help = await formatHelp({ ...several, commands: { '': { ...fetch, options } } }, '')
  for (const name of names) expect(help).toContain(`--${name} `)
  expect(help.split('\n').filter((text) => text.length > 80)).toEqual([])
})
