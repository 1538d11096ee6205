// cmd.single, under three shells.
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeCall, makeFarSides, runCalls } from '../shell/far-side.testing.ts'

let directory = ''
const at = (name: string) => join(directory, name)
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'propapply-cmd-'))
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

describe.each(makeFarSides())('under $name', (side) => {
  const run = async (fields: Record<string, unknown>, options: Parameters<typeof runCalls>[2] = {}) => {
    const { steps, ended } = runCalls(side, [await makeCall('cmd.single', fields)], options)
    expect(ended).toBe(true)
    return steps[0] ?? { result: 'none', reason: '', stderr: '' }
  }

  test('a command that is run is a change', async () => {
    expect((await run({ command: 'true' })).result).toBe('changed')
    expect((await run({ command: ['true'] })).result).toBe('changed')
  })

  test('a list is run without a shell, a string by sh', async () => {
    await run({ command: ['touch', at('$a b'), at("it's *")] })
    await run({ command: `touch ${at('x')}* && cd ${directory} && touch "y"` })
    expect(fs.readdirSync(directory).sort()).toEqual(['$a b', "it's *", 'x*', 'y'])
  })

  test('a failure has the last lines of both outputs', async () => {
    const step = await run({ command: 'echo out; echo err >&2; exit 3' })
    expect(step.result).toBe('failed')
    expect(step).toMatchObject({ stderr: 'out\nerr\n', reason: 'the command ended with status 3' })
  })

  test('a program that is not there is a failure', async () => {
    expect(await run({ command: ['/no/such/program'] })).toMatchObject({
      result: 'failed',
      reason: expect.stringContaining('status 127'),
    })
  })

  test.each([
    ['creates that is there', { creates: '/bin/sh' }, 'ok', false],
    ['creates that is missing', { creates: '/no/such' }, 'changed', true],
    ['unless that succeeds', { unless: 'echo noise; true' }, 'ok', false],
    ['unless that fails', { unless: ['false'] }, 'changed', true],
    ['onlyif that succeeds', { onlyif: 'true' }, 'changed', true],
    ['onlyif that fails', { onlyif: 'echo noise >&2; false' }, 'ok', false],
    ['changed_if that succeeds', { changed_if: 'true' }, 'changed', true],
    ['changed_if that fails', { changed_if: 'false' }, 'ok', true],
    ['changed_if true', { changed_if: true }, 'changed', true],
    ['changed_if false', { changed_if: false }, 'ok', true],
  ])('%s', async (_, fields, result, ran) => {
    expect((await run({ command: ['touch', at('ran')], ...fields })).result).toBe(result)
    expect(fs.existsSync(at('ran'))).toBe(ran)
  })

  test('env and cwd hold for the command and its conditions, and for nothing else', async () => {
    const env = { A: "it's $x\n", B: null, LC_ALL: 'C.UTF-8' }
    const fields = {
      env,
      cwd: directory,
      unless: 'echo unless >>log; [ -z "$A" ]',
      command: 'printf "%s|%s|%s|%s" "$A" "${B-unset}" "$LC_ALL" "$(pwd -P)" >>log',
    }
    expect((await run(fields, { env: { B: 'set' } })).result).toBe('changed')
    const log = fs.readFileSync(at('log'), 'utf8')
    expect(log).toBe(`unless\nit's $x\n|unset|C.UTF-8|${fs.realpathSync(directory)}`)
    expect((await run({ ...fields, cwd: '/no/such' })).result).toBe('failed')
  })

  test('a command sees the locale and mask it would see without us, and no input', async () => {
    const command = `cat >${at('in')}; echo "\${LC_ALL-unset}" >${at('lc')}; touch ${at('f')}`
    expect((await run({ command }, { input: Buffer.from('secret') })).result).toBe('changed')
    expect(fs.readFileSync(at('in'), 'utf8')).toBe('')
    expect(fs.readFileSync(at('lc'), 'utf8')).toBe('unset\n')
    await run({ command: `echo "$LC_ALL" >${at('lc')}` }, { env: { LC_ALL: 'C.UTF-8' } })
    expect(fs.readFileSync(at('lc'), 'utf8')).toBe('C.UTF-8\n')
  })

  test('a command that ends its own shell, or that is killed, stops only itself', async () => {
    const calls = await Promise.all([
      makeCall('cmd.single', { command: 'kill -9 $$' }),
      makeCall('cmd.single', { command: 'exit 5' }),
      makeCall('cmd.single', { command: 'true' }),
    ])
    const { steps } = runCalls(side, calls)
    expect(steps.map(({ result }) => result)).toEqual(['failed', 'failed', 'changed'])
    expect(steps[0]?.reason).toContain('status 137')
  })

  test('--check runs the conditions but not the command', async () => {
    const check = { mode: { check: true } }
    const command = ['touch', at('ran')]
    expect((await run({ command, unless: 'false' }, check)).result).toBe('changed')
    expect((await run({ command, unless: 'true' }, check)).result).toBe('ok')
    const calls = await Promise.all([
      makeCall('cmd.single', { command, onlyif: 'false' }),
      makeCall('cmd.single', { command, creates: at('made') }),
      makeCall('cmd.single', { command, creates: at('made') }),
      makeCall('cmd.single', { command, onlyif: 'false' }),
    ])
    const { steps } = runCalls(side, calls, check)
    expect(steps.map(({ result }) => result)).toEqual(['ok', 'changed', 'ok', 'skipped'])
    expect(steps[3]?.reason).toContain('may depend on a change before it')
    expect(fs.readdirSync(directory)).toEqual([])
  })
})
