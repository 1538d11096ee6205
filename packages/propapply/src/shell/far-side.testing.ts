// Far sides for the tests: three shells, each with another set of utilities and another awk.
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import { formatProgram, type Mode } from '../program.ts'
import { properties } from '../properties.ts'
import type { Action, Call } from '../property.ts'

export type FarSide = { name: string; argv: string[]; path: string }
export type StepResult = { result: string; reason: string; stderr: string; diff: string }
/** `as`: a user id; `env` in place of the usual one. */
export type RunOptions = { mode?: Partial<Mode>; input?: Buffer; as?: string; env?: Record<string, string> }

export type RunResult = { status: number | null; steps: StepResult[]; began: boolean; ended: boolean }

const real: Mode = { check: false, diff: false, failFast: false }

const locate = (program: string) =>
  execFileSync('sh', ['-c', 'readlink -f "$(command -v "$0")"', program]).toString().trim()

/** dash with mawk, bash with gawk, busybox with nothing but itself; what is missing here is left out. */
export function makeFarSides(): FarSide[] {
  const directory = mkdtempSync(join(tmpdir(), 'propapply-far-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const has = (program: string) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0
  // Some programs are run as another user.
  chmodSync(directory, 0o755)
  const withAwk = (awk: string) => {
    mkdirSync(join(directory, awk))
    symlinkSync(locate(awk), join(directory, awk, 'awk'))
    return `${join(directory, awk)}:/usr/bin:/bin:/usr/sbin:/sbin`
  }
  const sides: FarSide[] = []
  if (has('dash') && has('mawk'))
    sides.push({ name: 'dash, mawk', argv: [locate('dash')], path: withAwk('mawk') })
  if (has('bash') && has('gawk'))
    sides.push({ name: 'bash, gawk', argv: [locate('bash')], path: withAwk('gawk') })
  if (has('busybox')) {
    const path = join(directory, 'busybox')
    mkdirSync(path)
    execFileSync('busybox', ['--install', '-s', path])
    sides.push({ name: 'busybox', argv: [locate('busybox'), 'sh'], path })
  }
  return sides
}

/** The program of `calls`, run to its end there; `input` is its standard input. */
export function runCalls(side: FarSide, calls: readonly Call[], options: RunOptions = {}): RunResult {
  const token = 'plumbline-test-0123456789abcdef'
  const steps = calls.map((call, index) => ({ number: index + 1, call }))
  const program = formatProgram(token, steps, { ...real, ...options.mode })
  const file = join(mkdtempSync(join(tmpdir(), 'propapply-program-')), 'program')
  writeFileSync(file, program)
  chmodSync(dirname(file), 0o755)
  const user = options.as
    ? [locate('setpriv'), '--reuid', options.as, '--regid', options.as, '--clear-groups']
    : []
  // A program may be longer than an argument may be, so it comes as a connection hands it over: in a variable.
  const argv = [...user, ...side.argv, '-c', 'eval "$(cat "$0")"', file]
  const { status, stdout, stderr } = spawnSync(locate('env'), argv, {
    input: options.input ?? '',
    // bash reads ~/.bashrc when it takes its input for a network's.
    env: { PATH: side.path, HOME: '/nonexistent', ...options.env },
    maxBuffer: 1 << 28,
  })
  rmSync(dirname(file), { recursive: true })
  return { status, ...parseOutput(token, stdout.toString('latin1'), stderr.toString('latin1')) }
}

function parseOutput(token: string, stdout: string, stderr: string): Omit<RunResult, 'status'> {
  const errors = stderr.split(`${token}\n`)
  const steps: StepResult[] = []
  let diff = ''
  for (const text of stdout.split('\n')) {
    const [, word = '', , reason = ''] = text.match(/^\S+ (ok|changed|failed|skipped) (\d+) ?(.*)$/) ?? []
    if (!text.startsWith(token)) diff += `${text}\n`
    if (!text.startsWith(token) || word === '') continue
    steps.push({ result: word, reason, stderr: errors[steps.length] ?? '', diff })
    diff = ''
  }
  return { steps, began: stdout.startsWith(`${token} begin\n`), ended: stdout.endsWith(`${token} end\n`) }
}

/** The action of one application, as a site would have it. */
export async function makeAction(
  property: string,
  fields: Record<string, unknown>,
  unapply = false,
): Promise<Action> {
  const bound = properties.get(property)?.bind(fields)
  if (!bound || 'mismatches' in bound) throw new Error(JSON.stringify(bound ?? property))
  const make = unapply ? bound.value.unapply : bound.value.apply
  if (!make) throw new Error(`${property} cannot be unapplied`)
  return make({ directory: '/', host: undefined })
}

export async function makeCall(
  property: string,
  fields: Record<string, unknown>,
  unapply = false,
): Promise<Call> {
  return (await makeAction(property, fields, unapply)).call
}
