// applyHost() over the connection to this machine: what a whole run looks like from here.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Connection } from '@plumbline/common/connection/connection'
import { openLocal } from '@plumbline/common/connection/open-local'
import { applyHost } from './apply-host.ts'
import type { Action } from './property.ts'
import type { Outcome, RunOptions } from './run-program.ts'
import { makeAction } from './shell/far-side.testing.ts'

let directory = ''
let connection: Connection
let runs = 0
const at = (name: string) => join(directory, name)

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'propapply-host-'))
  const local = openLocal(process.env).connection
  runs = 0
  connection = Object.assign(Object.create(local) as Connection, {
    run: (request: Parameters<Connection['run']>[0]) => {
      runs++
      return local.run(request)
    },
    close: () => local.close(),
  })
})
afterEach(async () => {
  await connection.close()
  rmSync(directory, { recursive: true })
})

const command = (text: string, more: object = {}) => makeAction('cmd.single', { command: text, ...more })

type Given = { action: Action; timeoutMs?: number }

async function apply(given: readonly Given[], more: Partial<RunOptions> = {}) {
  const outcomes: Outcome[] = []
  const steps = given.map(({ action, timeoutMs }, index) => ({
    number: index + 1,
    application: { property: 'x', desc: 'x', host: undefined, where: undefined, timeoutMs, action },
  }))
  const options: RunOptions = {
    host: 'here',
    mode: { check: false, diff: false, failFast: false },
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    emit: async (_, outcome) => void outcomes.push(outcome),
    ...more,
  }
  const thrown = await applyHost(connection, steps, options).catch((error: unknown) => error)
  return { outcomes, results: outcomes.map(({ result }) => result), thrown }
}

test('applyHost() makes one run, whatever the properties', async () => {
  const content = Buffer.alloc(500_000, 'x\n').toString()
  const given = await Promise.all([
    makeAction('file.has-content', { path: at('a'), content: 'x' }),
    makeAction('file.has-content', { path: at('b'), content }),
    command('echo noise; echo noise >&2'),
    makeAction('file.has-content', { path: at('c'), content }),
    makeAction('file.contains-lines', { path: at('a'), lines: ['y'] }),
  ])
  const actions = given.map((action) => ({ action }))
  expect((await apply(actions)).results).toEqual(['changed', 'changed', 'changed', 'changed', 'changed'])
  expect(readFileSync(at('c'), 'utf8')).toBe(content)
  expect(runs).toBe(1)
  expect((await apply(actions)).results).toEqual(['changed', 'ok', 'changed', 'ok', 'changed'])
  expect(runs).toBe(2)
})

test('a failure carries the end of what its own step said', async () => {
  const given = await Promise.all([
    command('echo before >&2'),
    command('for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done; printf "no newline" >&2; exit 4'),
    command('true'),
  ])
  const { outcomes } = await apply(given.map((action) => ({ action })))
  expect(outcomes.map(({ result }) => result)).toEqual(['changed', 'failed', 'changed'])
  expect(outcomes[1]?.message).toMatch(/^the command ended with status 4\nline 3\n.*\nline 9\nno newline$/s)
  expect(outcomes[1]?.message).not.toContain('before')
})

test('a step that takes too long fails, is ended, and the rest goes on in a second run', async () => {
  const given = [
    { action: await command(`trap '' TERM; echo $$ >${at('pid')}; sleep 1000; sleep 1000`), timeoutMs: 300 },
    { action: await command('true') },
  ]
  const { outcomes, results } = await apply(given)
  expect(results).toEqual(['failed', 'changed'])
  expect(outcomes[0]?.message).toContain('took longer than 300 ms')
  expect(runs).toBe(2)
})

test('--fail-fast skips what comes after a failure', async () => {
  const given = await Promise.all([command('true'), command('false'), command(`touch ${at('no')}`)])
  const { results } = await apply(
    given.map((action) => ({ action })),
    { mode: { check: false, diff: false, failFast: true } },
  )
  expect(results).toEqual(['changed', 'failed', 'skipped'])
  expect(existsSync(at('no'))).toBe(false)
})

test('a shell that dies fails its step; the rest goes on', async () => {
  const given = await Promise.all([command('kill -9 $PPID'), command('true')])
  const { outcomes, results } = await apply(given.map((action) => ({ action })))
  expect(results).toEqual(['failed', 'changed'])
  expect(outcomes[0]?.message).toContain('The shell on here ended early: status 137')
})

test('an abort ends the step, skips the rest and leaves no temporary file', async () => {
  const controller = new AbortController()
  writeFileSync(at('f'), 'old')
  const large = await makeAction('file.has-content', { path: at('f'), content: 'x'.repeat(300_000) })
  // Content that never comes: the program waits in the middle of the file.
  const stalled: Action = {
    ...large,
    upload: {
      bytes: 300_000,
      open: async function* () {
        yield Buffer.alloc(100_000, 'x')
        controller.abort()
        await new Promise(() => undefined)
      },
    },
  }
  const { results, thrown } = await apply([{ action: stalled }, { action: await command('true') }], {
    signal: controller.signal,
  })
  expect(results).toEqual(['failed', 'skipped'])
  expect(thrown).toMatchObject({ code: 'CANCELLED' })
  await connection.close()
  expect(readdirSync(directory)).toEqual(['f'])
  expect(readFileSync(at('f'), 'utf8')).toBe('old')
})

test('a file of this machine that changes while it is sent fails its step only', async () => {
  const large = await makeAction('file.has-content', { path: at('f'), content: 'x'.repeat(300_000) })
  const open = () => [Buffer.alloc(200_000, 'x')]
  const given = [
    { action: { ...large, upload: { bytes: 300_000, open } } },
    { action: await command('true') },
  ]
  const { outcomes, results } = await apply(given)
  expect(results).toEqual(['failed', 'changed'])
  expect(outcomes[0]?.message).toContain('has shrunk')
})

test('a shell that is killed in the middle of a file leaves the old file', async () => {
  writeFileSync(at('f'), 'old')
  const pid = await command(`echo $PPID >${at('pid')}`)
  const large = await makeAction('file.has-content', { path: at('f'), content: 'x'.repeat(300_000) })
  const open = async function* () {
    yield Buffer.alloc(100_000, 'x')
    while (!readdirSync(directory).some((name) => name.includes('.propapply'))) {
      await new Promise((resolve) => setImmediate(resolve))
    }
    process.kill(Number(readFileSync(at('pid'), 'utf8')), 'SIGKILL')
    await new Promise(() => undefined)
  }
  const killed = { ...large, upload: { bytes: 300_000, open } }
  const { results } = await apply([{ action: pid }, { action: killed }, { action: await command('true') }])
  expect(results).toEqual(['changed', 'failed', 'changed'])
  expect(readFileSync(at('f'), 'utf8')).toBe('old')
})

test('a host without a shell that works is one error, and its properties are skipped', async () => {
  const before = connection
  const broken = Object.assign(Object.create(connection) as Connection, {
    run: () => before.run({ command: 'echo no shell today >&2; exit 127' }),
  })
  connection = broken
  const { results, thrown } = await apply([{ action: await command('true') }])
  connection = before
  expect(results).toEqual(['skipped'])
  expect(thrown).toMatchObject({ code: 'SH_FAILED', message: expect.stringContaining('no shell today') })
})
