import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { ToolError } from '../error/tool-error.ts'
import { ShellConnection } from './shell-connection.ts'

const token = 'plumbline-0123'

/** A far side whose shells say this once they have answered. */
function connectTo(said: readonly string[]): ShellConnection {
  const start = () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    stdout.write(`\n${token} 7 7\n`)
    stderr.write(`\n${token}\n`)
    for (const each of said) stdout.write(each)
    return { stdin, stdout, stderr, status: new Promise<number>(() => undefined), cancel: () => undefined }
  }
  return new ShellConnection({ hop: 'far', start }, { token })
}

const much = 'x'.repeat(100_000)
const establish = (connection: ShellConnection) =>
  connection.establish({ changedUser: false, timeoutMs: 3000 })

test('a far side that does not come to an end of where it is cannot be entered', async () => {
  const failure = await establish(connectTo([much])).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ToolError)
  expect((failure as ToolError).code).toBe('PROTOCOL')
})

test('a connection whose shell says what is no line is lost', async () => {
  const connection = connectTo(['root\n0\n/root\n\n', much])
  expect(await establish(connection)).toMatchObject({ user: 'root', uid: 0 })
  expect((await connection.lost).code).toBe('PROTOCOL')
})
