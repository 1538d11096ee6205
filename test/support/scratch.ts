// A directory for one test file, and what has to be undone at its end, last first.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { isRoot } from './root.ts'

type Undo = () => void | Promise<void>

export class Scratch {
  readonly path: string
  readonly #undo: Undo[] = []

  constructor(name: string) {
    this.path = mkdtempSync(join(tmpdir(), `plumbline-test-${name}-`))
    // Other users' processes, sshd's among them, have to get at what is in it.
    chmodSync(this.path, 0o711)
    this.onEnd(() => {
      // Nobody but root can empty a folder that may not be written, as those of a store are.
      if (!isRoot) spawnSync('chmod', ['-R', 'u+rwX', this.path])
      rmSync(this.path, { recursive: true, force: true })
    })
    afterAll(async () => {
      for (const undo of this.#undo.toReversed()) await undo()
    })
  }

  onEnd(undo: Undo): void {
    this.#undo.push(undo)
  }

  file(name: string): string {
    return join(this.path, name)
  }
}
