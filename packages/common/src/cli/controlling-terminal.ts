// The controlling terminal, for a program whose standard streams are taken: keys, screen, and window size.
import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { ReadStream, WriteStream } from 'node:tty'
import { ToolError } from '../error/tool-error.ts'
import { reasonOf } from '../error/translate.ts'

export type WindowSize = { columns: number; rows: number }

export class ControllingTerminal {
  readonly keys: ReadStream
  readonly screen: WriteStream
  readonly #onResize: () => void
  #settings: string | undefined
  /** Told when the window's size has changed. */
  onResize: (size: WindowSize) => void = () => undefined

  /** Throws TERMINAL_NEEDED. */
  constructor() {
    this.keys = new ReadStream(openTerminal('r'))
    this.screen = new WriteStream(openTerminal('w'))
    this.#onResize = () => this.onResize(this.size())
    process.on('SIGWINCH', this.#onResize)
  }

  /** A WriteStream learns the size once, when it is made. */
  size(): WindowSize {
    const stream = new WriteStream(openTerminal('w'))
    const { columns, rows } = stream
    stream.destroy()
    return { columns, rows }
  }

  /**
   * Every key is a byte on `keys` from now on, Ctrl-C too, and every byte of `screen` is shown as it is: which
   * setRawMode() does not do, as it goes on to put a carriage return before each newline.
   */
  takeKeys(): void {
    this.#settings ??= stty(['-g']).trim()
    stty(['raw', '-echo'])
  }

  close(): void {
    process.off('SIGWINCH', this.#onResize)
    if (this.#settings !== undefined) stty([this.#settings])
    this.keys.destroy()
    this.screen.destroy()
  }
}

function stty(args: readonly string[]): string {
  const terminal = openTerminal('r')
  try {
    return execFileSync('stty', args, { stdio: [terminal, 'pipe', 'ignore'], encoding: 'utf8' })
  } finally {
    closeSync(terminal)
  }
}

function openTerminal(flags: 'r' | 'w'): number {
  try {
    return openSync('/dev/tty', flags)
  } catch (error) {
    throw new ToolError('TERMINAL_NEEDED', { reason: reasonOf(error) }, { cause: error })
  }
}
