// A far side that says what no program of ours says.
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { Connection, Running } from '@plumbline/common/connection/connection'
import { ToolError } from '@plumbline/common/error/tool-error'
import { applyHost } from './apply-host.ts'
import { MarkerReader } from './markers.ts'
import type { Step } from './run-program.ts'

const step = (number: number): Step => {
  const upload = {
    bytes: 2,
    open: async function* () {
      yield Buffer.from('hi')
    },
  }
  const action = { call: ['uploaded', `/tmp/${number}`] as const, upload }
  const application = { property: 'x', desc: 'x', host: undefined, where: undefined, timeoutMs: undefined }
  return { number, application: { ...application, action } } as unknown as Step
}

/** What two steps come to where the far side prints these lines, T being the token, and stays. */
async function applyTo(lines: readonly string[]) {
  let sent = 0
  const run = ({ command }: { command: string }): Running => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    const [token = ''] = /propapply-[0-9a-f]+/.exec(command) ?? []
    stdin.on('data', (chunk: Buffer) => (sent += chunk.length))
    stdout.write(lines.map((line) => `${line.replace('T', token)}\n`).join(''))
    return { stdin, stdout, stderr, status: new Promise(() => undefined), cancel: () => undefined }
  }
  const results: string[] = []
  const thrown = await applyHost({ run } as unknown as Connection, [step(1), step(2)], {
    host: 'far',
    mode: { check: false, diff: false, failFast: false },
    timeoutMs: 500,
    signal: new AbortController().signal,
    emit: async (_, { result }) => void results.push(result),
  }).catch((error: unknown) => error)
  return { results, sent, code: thrown instanceof ToolError ? thrown.code : undefined }
}

test.each([
  ['asks twice', ['T begin', 'T want 1', 'T want 1'], ['failed', 'skipped'], 'PROTOCOL'],
  ['sends the results out of order', ['T begin', 'T ok 2'], ['failed', 'skipped'], 'PROTOCOL'],
  ['sends a result too many', ['T begin', 'T ok 1', 'T ok 2', 'T ok 2'], ['ok', 'ok'], 'PROTOCOL'],
  ['ends without the results', ['T begin', 'T ok 1', 'T end'], ['ok', 'skipped'], 'SH_FAILED'],
  ['does not end', ['T begin', 'T ok 1', 'T ok 2'], ['ok', 'ok'], undefined],
])('a far side that %s', async (_, lines, results, code) => {
  const applied = await applyTo(lines)
  expect([applied.results, applied.code]).toEqual([results, code])
  expect(applied.sent).toBeLessThanOrEqual(2)
})

test.each([
  ['a line that does not end', ''],
  ['a diff that does not end', 'T diff 1\n'],
])('MarkerReader refuses %s', (_, begin) => {
  const reader = new MarkerReader('T')
  const end = begin ? '\n' : ''
  const chunk = Buffer.from(`${'x'.repeat(16 * 1024 * 1024)}${end}`)
  const take = () =>
    [Buffer.from(begin), chunk, chunk, chunk, chunk, chunk].map((each) => [...reader.push(each)])
  expect(take).toThrow(/it says too much/)
})
