// cmd.single: a command, for what no property says yet.
import * as v from 'valibot'
import { mapOf } from '@plumbline/common/records/map-of'
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import { defineProperty } from '../property.ts'
import { directory, path, text } from './fields.ts'

const shellText = v.pipe(
  text,
  v.check((value) => value.trim() !== '', 'expected a command'),
)
const command = v.union(
  [
    shellText,
    v.pipe(
      v.array(text),
      v.check((argv) => Boolean(argv[0]), 'expected a command'),
    ),
  ],
  'expected text for sh, or a list of words',
)
const name = v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected the name of a variable'))

type Command = string | string[]

/** What replaces the shell that it is evaluated in. */
function formatExec(given: Command | undefined): string {
  if (given === undefined) return ''
  return `exec ${quoteCommand(typeof given === 'string' ? ['/bin/sh', '-c', given] : given)}`
}

type Setup = { cwd?: string | undefined; env?: Record<string, string | null> | undefined }

function formatSetup({ cwd, env = {} }: Setup): string {
  const variables = Object.entries(env).map(([each, value]) =>
    value === null ? `unset ${each}` : `export ${each}=${quoteWord(value)}`,
  )
  return [...(cwd === undefined ? [] : [`cd -- ${quoteWord(cwd)}`]), ...variables].join(' && ')
}

export const single = defineProperty({
  name: 'cmd.single',
  summary: 'a command was run, if it was needed',
  fields: {
    command,
    creates: v.optional(path),
    unless: v.optional(command),
    onlyif: v.optional(command),
    changed_if: v.optional(v.union([v.boolean(), command], 'a command, true or false')),
    env: v.optional(mapOf(name, v.nullable(text))),
    cwd: v.optional(directory),
  },
  describe: (given) =>
    typeof given.command === 'string' ? `ran ${given.command}` : `ran ${quoteCommand(given.command)}`,
  apply: (given) => {
    const changedIf = given.changed_if
    return {
      call: [
        'single',
        formatSetup(given),
        given.creates ?? '',
        formatExec(given.unless),
        formatExec(given.onlyif),
        typeof changedIf === 'boolean' ? String(changedIf) : formatExec(changedIf),
        formatExec(given.command),
      ],
    }
  },
  notes: [
    'It is not run when creates is there, when unless succeeds, or when onlyif fails; the result is then ok.',
    'When it ran and succeeded, the result is changed; with changed_if, only if that command succeeds afterwards ' +
      '(true: always, false: never). A status other than 0 is a failure.',
    'A string is given to sh, a list is run as it is. env (null unsets) and cwd hold for all four commands. ' +
      'Standard input is empty; the last lines of the output are in the message of a failure.',
    'With --check, unless and onlyif are run: they must only look. It cannot be unapplied.',
  ],
  example: { command: 'update-grub', unless: 'test /boot/grub/grub.cfg -nt /etc/default/grub' },
})
