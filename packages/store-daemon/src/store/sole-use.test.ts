import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isBare, lockPath, lockPathsOneByOne, lockPathsUnder, unlockPath } from './path-locks.ts'
import { ProcessLock } from './process-lock.ts'
import { SoleUse } from './sole-use.ts'

let folder: string
let use: SoleUse
let bigLock: ProcessLock

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sole-use-'))
  bigLock = new ProcessLock(join(folder, 'big-lock'))
  await bigLock.share()
  use = new SoleUse(bigLock, lockPathsOneByOne)
  lockPathsUnder(use)
})

afterEach(() => {
  use.close()
  bigLock.close()
  rmSync(folder, { recursive: true })
})

/** Another daemon: waits for its share of the big lock, and then says whether it could lock `path` as well. */
const newcomer = `
import fcntl, os, sys
big = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.lockf(big, fcntl.LOCK_SH)
try:
  fcntl.lockf(os.open(sys.argv[2], os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX | fcntl.LOCK_NB)
  print("free", flush=True)
except OSError:
  print("locked", flush=True)
sys.stdin.read()
`

async function come(path: string): Promise<{ found: string; leave: () => Promise<unknown> }> {
  const child = spawn('python3', ['-c', newcomer, join(folder, 'big-lock'), `${path}.lock`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const leave = () => {
    child.stdin.end()
    return once(child, 'exit')
  }
  return { found: said.toString().trim(), leave }
}

describe('SoleUse', () => {
  it('spares lock files, until another daemon comes, who finds every path locked that is', async () => {
    const [mine, other] = [join(folder, 'mine'), join(folder, 'other')]
    expect(lockPath(mine)).toBeUndefined()
    expect(existsSync(`${mine}.lock`)).toBe(false)
    const first = await come(mine)
    expect(first.found).toBe('locked')
    // Now there is somebody to see them.
    expect(use.take()).toBe(false)
    expect(lockPath(other)).toBeUndefined()
    expect(existsSync(`${other}.lock`)).toBe(true)
    unlockPath(mine)
    unlockPath(other)
    expect(existsSync(`${mine}.lock`)).toBe(false)
    await first.leave()
    const second = await come(mine)
    expect(second.found).toBe('free')
    await second.leave()
  })

  it('hands a path on with a lock file where there is one by then', async () => {
    const path = join(folder, 'handed-on')
    expect(lockPath(path, { looks: true })).toBeUndefined()
    const waiting = lockPath(path)
    expect(isBare(path)).toBe(true)
    writeFileSync(`${path}.lock`, '')
    unlockPath(path)
    await waiting
    expect(isBare(path)).toBe(false)
    unlockPath(path)
    expect(existsSync(`${path}.lock`)).toBe(false)
  })

  it('keeps others out until what they have to find could be written', async () => {
    let [attempts, room] = [0, false]
    let use: SoleUse | undefined
    const refused = new Promise<void>((resolve) => {
      use = new SoleUse(bigLock, () => {
        if (++attempts === 3) resolve()
        if (!room) throw new Error('no space left on device')
      })
    })
    expect(use?.take()).toBe(true)
    const coming = come(join(folder, 'path'))
    await refused
    expect(use?.take()).toBe(true)
    room = true
    const other = await coming
    expect(use?.take()).toBe(false)
    await other.leave()
    use?.close()
  })

  it('gives way to one who comes, however often it is wanted', async () => {
    let over = false
    const want = () => {
      use.take()
      if (!over) setImmediate(want)
    }
    want()
    const other = await come(join(folder, 'path'))
    over = true
    expect(use.take()).toBe(false)
    await other.leave()
  })
})
