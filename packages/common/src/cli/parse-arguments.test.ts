import { describe, expect, test } from 'vitest'
import type { CommandLine } from './option-table.ts'
import { parseArguments } from './parse-arguments.ts'

const line: CommandLine = {
  program: 'tool',
  describe: '',
  commands: {
    '': {
      operands: '[FILE…]',
      describe: '',
      options: {
        verbose: { type: 'boolean', alias: 'v', describe: '' },
        output: { type: 'string', alias: 'o', describe: '' },
        include: { type: 'string', alias: 'I', repeat: true, describe: '' },
        keep: { type: 'boolean', optionalArgument: ['yes', 'no'], describe: '' },
      },
    },
  },
  examples: [],
}
const several: CommandLine = {
  ...line,
  commands: {
    copy: { operands: '', describe: '', options: { force: { type: 'boolean', describe: '' } } },
    run: async () => ({
      operands: '',
      describe: '',
      options: { user: { type: 'string', describe: '' } },
      haltAtOperand: true,
    }),
  },
}
const parse = (...argv: string[]) => parseArguments(line, argv)

describe('parseArguments()', () => {
  test.each([
    [['-v', '-o', 'f', 'a', 'b'], ['verbose'], { output: ['f'] }, ['a', 'b']],
    [['-vof'], ['verbose'], { output: ['f'] }, []],
    [['--output=f', '--output-is-no-option'].slice(0, 1), [], { output: ['f'] }, []],
    [['--output=', 'x'], [], { output: [''] }, ['x']],
    [['--output', '-v'], [], { output: ['-v'] }, []],
    [['-I', 'a', '-Ib', '--include=c'], [], { include: ['a', 'b', 'c'] }, []],
    [['a', '-v', 'b'], ['verbose'], {}, ['a', 'b']],
    [['-v', '--', '-o', '--help'], ['verbose'], {}, ['-o', '--help']],
    [['-', '--', '--'], [], {}, ['-', '--']],
    [['--keep'], ['keep'], {}, []],
    [['--keep=no'], [], { keep: ['no'] }, []],
    [['', 'ü x'], [], {}, ['', 'ü x']],
    [['-V', '-h'], ['version', 'help'], {}, []],
    [[], [], {}, []],
  ])('reads %j', async (argv, flags, values, operands) => {
    const found = await parse(...argv)
    expect({ ...found, flags: [...found.flags] }).toEqual({ command: '', operands, flags, values })
  })

  test.each([
    [['--verbos'], 'There is no option --verbos (did you mean "--verbose"?)'],
    [['-x'], 'There is no option -x'],
    [['--toString'], 'There is no option --toString'],
    [['--__proto__=1'], 'There is no option --__proto__'],
    [['--verbose=yes'], 'Option --verbose takes no argument'],
    [['--keep=maybe'], 'Option --keep takes yes or no, not "maybe"'],
    [['-o'], 'Option -o needs an argument'],
    [['-o', 'a', '--output=b'], 'Option --output was given twice'],
  ])('refuses %j', async (argv, message) => {
    await expect(parse(...argv)).rejects.toThrow(expect.objectContaining({ code: 'USAGE' }))
    await expect(parse(...argv)).rejects.toThrow(message)
  })

  test('the first word is the command, and has options of its own', async () => {
    expect(await parseArguments(several, ['copy', '--force', 'a'])).toMatchObject({
      command: 'copy',
      operands: ['a'],
    })
    await expect(parseArguments(several, ['run', '--force'])).rejects.toThrow('There is no option --force')
    await expect(parseArguments(several, ['--force', 'copy'])).rejects.toThrow(
      'There is no option --force before the command',
    )
    await expect(parseArguments(several, ['cpy'])).rejects.toThrow('There is no "cpy" (did you mean "copy"?)')
    await expect(parseArguments(several, ['constructor'])).rejects.toThrow('There is no "constructor"')
    expect([...(await parseArguments(several, ['--help'])).flags]).toEqual(['help'])
  })

  test('what follows the first operand may belong to another command', async () => {
    const run = (...argv: string[]) => parseArguments(several, ['run', ...argv])
    expect(await run('--user', 'me', 'ls', '--help', '-l')).toMatchObject({
      operands: ['ls', '--help', '-l'],
      values: { user: ['me'] },
    })
    expect((await run('--', '--user', 'me')).operands).toEqual(['--user', 'me'])
    expect((await run('ls', '--', '-l')).operands).toEqual(['ls', '--', '-l'])
  })
})
