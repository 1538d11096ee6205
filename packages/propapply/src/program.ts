// The steps of one host as one POSIX sh program.
//
// All of it is the body of one function, called on the last line: a shell that is given only the beginning finds a
// syntax error and runs nothing.
// Pure: no I/O.
import { dirname } from 'node:path/posix'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import { selectFunctions } from './shell/library.ts'
import type { Call } from './property.ts'

export type ProgramStep = { number: number; call: Call }

export type Mode = { check: boolean; diff: boolean; failFast: boolean }

/** Functions that want the facts of their first argument (access.sh); one process finds those of all of them. */
const looking = new Set(['has_content', 'has_bytes', 'uploaded', 'directory_exists', 'has_mode'])

/** Functions that do for several steps in a row what they would do for each (together.sh). */
const joining = new Set(['has_content', 'directory_exists'])

/** As a word, as a pattern and in the output of ls the same: one word that is itself. */
const plainPath = /^[A-Za-z0-9/._+,@%-]+$/

/** What finds those facts before the first step, and keeps them for the steps that want them. */
function formatLook(steps: readonly ProgramStep[]): string[] {
  const wanted = new Map<string, number[]>()
  for (const { number, call } of steps) {
    const [name, path = ''] = call
    if (!looking.has(name) || !plainPath.test(path)) continue
    wanted.set(path, [...(wanted.get(path) ?? []), number])
  }
  if (wanted.size < 2) return []
  const cases = [...wanted].map(([path, numbers]) => {
    return `${path}) ${numbers.map((number) => `facts_${number}=$2`).join(' ')} ;;`
  })
  const paths = new Set([...wanted.keys()].flatMap((path) => [path, dirname(path)]))
  return ['remember() {', 'case $1 in', ...cases, 'esac', '}', `look ${[...paths].join(' ')}`]
}

/** The steps; those of a row that can be done together are functions, with a mark before and after the row. */
function formatSteps(steps: readonly ProgramStep[], { check, diff, failFast }: Mode): string[] {
  const mayJoin = !check && !diff && !failFast
  const nameAt = (index: number) => steps[index]?.call[0]
  return steps.flatMap(({ number, call }, index) => {
    const joins = mayJoin && joining.has(call[0])
    const [follows, leads] = [index - 1, index + 1].map((at) => joins && nameAt(at) === call[0])
    if (!follows && !leads) return [`run_step ${number} ${quoteCommand(call)}`]
    const step = [`step_${number}() { ${quoteCommand(call)}; }`, `run_step ${number} step_${number}`]
    return [...(follows ? [] : ['together=yes']), ...step, ...(leads ? [] : ['settle', 'together='])]
  })
}

const yes = (value: boolean) => (value ? 'yes' : '')

/** `token` marks the lines that are ours (report.sh), and its end names temporary files. */
export function formatProgram(token: string, steps: readonly ProgramStep[], mode: Mode): string {
  const look = formatLook(steps)
  const used = [
    'begin',
    'run_step',
    'finish',
    ...(look.length > 0 ? ['look'] : []),
    ...steps.flatMap(({ call }) => call.slice(0, 1)),
  ]
  return [
    'propapply() {',
    `token=${quoteWord(token)} name=${token.slice(-12)}`,
    `check=${yes(mode.check)} diff=${yes(mode.diff)} failfast=${yes(mode.failFast)}`,
    // A process of its own, for commands only.
    ...(used.includes('single') ? ['mask=$(umask)'] : []),
    selectFunctions(used),
    'begin',
    ...look,
    ...formatSteps(steps, mode),
    'finish',
    '}',
    'propapply',
    '',
  ].join('\n')
}
