// Asks for a secret on the terminal, without echo.
import { closeSync, openSync, writeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { ToolError } from '../error/tool-error.ts'
import { Secret } from './secret.ts'

const key = {
  interrupt: 0x03,
  endOfFile: 0x04,
  backspace: 0x08,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  delete: 0x7f,
}

/** Of kill(2). */
const ownGroup = 0

/** True when there is a controlling terminal to ask on. */
export function canAsk(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'))
    return true
  } catch {
    return false
  }
}

/**
 * What the user types before Enter. Ctrl-C is for the whole pipeline, as everywhere. Throws SECRET_NEEDED on Ctrl-D, or
 * without a terminal, and what aborted the signal.
 */
export async function askSecret(prompt: string, what: string, signal: AbortSignal): Promise<Secret> {
  if (!canAsk()) throw new ToolError('SECRET_NEEDED', { what, hint: 'there is no terminal to ask on' })
  signal.throwIfAborted()
  const fd = openSync('/dev/tty', 'r+')
  const terminal = new ReadStream(fd)
  writeSync(fd, prompt)
  // Raw mode hands over every byte at once and echoes none; it also makes Ctrl-C ours to act on.
  terminal.setRawMode(true)
  const leave = (reason?: Error) => {
    terminal.setRawMode(false)
    writeSync(fd, '\n')
    terminal.destroy(reason)
  }
  // Then and there: a process that ends by a signal has no time for it.
  const stop = () => leave(signal.reason as Error)
  signal.addEventListener('abort', stop, { once: true })
  const typed: number[] = []
  try {
    for await (const bytes of terminal.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      for (const byte of bytes) {
        if (byte === key.carriageReturn || byte === key.lineFeed) return new Secret(Buffer.from(typed))
        if (byte === key.endOfFile) throw new ToolError('SECRET_NEEDED', { what })
        if (byte === key.interrupt) process.kill(ownGroup, 'SIGINT')
        else if (byte === key.backspace || byte === key.delete) typed.pop()
        else typed.push(byte)
      }
    }
    throw new ToolError('SECRET_NEEDED', { what })
  } finally {
    signal.removeEventListener('abort', stop)
    if (!terminal.destroyed) leave()
  }
}
