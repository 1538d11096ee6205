// The steps of one host as one POSIX sh program.
//
// All of it is the body of one function, called on the last line: a shell that is given only the beginning finds a
// syntax error and runs nothing.
// Pure: no I/O.
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import { selectFunctions } from './shell/library.ts'
import type { Call } from './property.ts'

export type ProgramStep = { number: number; call: Call }

export type Mode = { check: boolean; diff: boolean; failFast: boolean }

const yes = (value: boolean) => (value ? 'yes' : '')

/** `token` marks the lines that are ours (report.sh), and its end names temporary files. */
export function formatProgram(token: string, steps: readonly ProgramStep[], mode: Mode): string {
  const used = ['begin', 'run_step', 'finish', ...steps.flatMap(({ call }) => call.slice(0, 1))]
  return [
    'propapply() {',
    `token=${quoteWord(token)} name=${token.slice(-12)}`,
    `check=${yes(mode.check)} diff=${yes(mode.diff)} failfast=${yes(mode.failFast)}`,
    selectFunctions(used),
    'begin',
    ...steps.map(({ number, call }) => `run_step ${number} ${quoteCommand(call)}`),
    'finish',
    '}',
    'propapply',
    '',
  ].join('\n')
}
