// native().leave(): the end of a process as others see it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'

const addon = fileURLToPath(new URL('../../dist/syscall.node', import.meta.url))
const program = `
  const loaded = { exports: {} }
  process.dlopen(loaded, ${JSON.stringify(addon)})
  process.on('exit', loaded.exports.leave)
  // So that libuv's threads are at work at that moment, and have something to tell.
  for (let n = 0; n < 200; n++) require('node:fs').stat('/', () => undefined)
  setImmediate(() => process.exit(7))`

/** Processes with that word among their arguments; those that have ended have none. */
function processesWith(word: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(word)
    } catch {
      return false
    }
  })
}

it('ends with the status and closes what it had open; what holds its memory ends by itself', async () => {
  const word = `leave-${process.pid}-${process.hrtime.bigint()}`
  for (let round = 0; round < 10; round++) {
    const child = spawn(process.execPath, ['-e', program, word], { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdout.resume()
    // Not before the pipe has come to its end.
    expect(await once(child, 'close')).toEqual([7, null])
  }
  await vi.waitFor(() => expect(processesWith(word)).toEqual([]), { timeout: 10_000 })
})

it.runIf(process.getuid?.() === 0)('ends as the first process of a namespace too', async () => {
  const child = spawn('unshare', ['--fork', '--pid', process.execPath, '-e', program], { stdio: 'inherit' })
  expect((await once(child, 'exit'))[0]).toBe(7)
})
