// A program on a terminal, as a person at the keyboard has it.
import { spawn, type ChildProcess } from 'node:child_process'
import { environment } from './shell.ts'

export class Terminal {
  readonly #child: ChildProcess
  #seen = ''
  #look: () => void = () => undefined
  readonly status: Promise<number | null>

  constructor(command: string) {
    this.#child = spawn('script', ['-qec', command, '/dev/null'], {
      env: environment({ TERM: 'vt100', SHELL: '/bin/bash' }),
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#seen += chunk.toString('utf8')
      this.#look()
    })
    this.status = new Promise((resolve) => this.#child.once('exit', resolve))
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys)
  }

  /** What has been shown up to the end of the match; the next call looks behind it. */
  async see(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#seen)
      if (match) {
        const end = match.index + match[0].length
        const shown = this.#seen.slice(0, end)
        this.#seen = this.#seen.slice(end)
        return shown
      }
      await new Promise<void>((resolve) => (this.#look = resolve))
    }
  }
}
