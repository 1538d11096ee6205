import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openRuntimeDirectory } from './runtime-directory.ts'

function makeBase(): string {
  const base = mkdtempSync(join(tmpdir(), 'runtime-'))
  onTestFinished(() => rmSync(base, { recursive: true }))
  return base
}

it('is in the one of the session', () => {
  const base = makeBase()
  expect(openRuntimeDirectory({ XDG_RUNTIME_DIR: base }).path()).toBe(join(base, 'plumbline'))
})

it.skipIf(process.getuid?.() !== 0)('is not in that of another user, which su has left to root', () => {
  const base = makeBase()
  chownSync(base, 1, 1)
  const directory = openRuntimeDirectory({ XDG_RUNTIME_DIR: base })
  expect(directory.path().startsWith(base)).toBe(false)
  directory.remove([])
  expect(existsSync(join(base, 'plumbline'))).toBe(false)
})
