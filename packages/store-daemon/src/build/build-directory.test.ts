import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { keepBuildDirectory } from './build-directory.ts'

/** What the new owner does at once. */
const race = vi.hoisted(() => ({ onGiven: undefined as ((path: string) => void) | undefined }))
vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof import('node:fs')>()
  const lchownSync: typeof fs.lchownSync = (path, uid, gid) => {
    fs.lchownSync(path, uid, gid)
    race.onGiven?.(String(path))
  }
  return { ...fs, lchownSync }
})

const place = mkdtempSync(join(tmpdir(), 'plumbline-keep-'))
afterAll(() => rmSync(place, { recursive: true }))

describe.skipIf(process.getuid?.() !== 0)('a directory that is kept', () => {
  it('changes nothing of what its new owner puts in its place', () => {
    const [builder, user] = [54_321, 54_322]
    const [top, secret] = [`${place}/guix-build-x.drv-0`, `${place}/secret`]
    mkdirSync(top, { mode: 0o700 })
    chownSync(top, builder, builder)
    writeFileSync(secret, '', { mode: 0o600 })
    race.onGiven = (path) => {
      if (path !== top) return
      renameSync(top, `${place}/mine`)
      symlinkSync(secret, top)
    }
    keepBuildDirectory({ path: top, top, release: () => undefined }, { uid: user, gid: user })
    const { mode, uid } = statSync(`${place}/mine`)
    expect([mode & 0o7777, uid, statSync(secret).mode & 0o7777]).toEqual([0o755, user, 0o600])
  })
})
