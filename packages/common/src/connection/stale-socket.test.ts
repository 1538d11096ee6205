import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeStaleSocket } from './stale-socket.ts'

let directory: string
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'stale-'))))
afterEach(() => rmSync(directory, { recursive: true }))

/** What a server leaves that was killed. */
const abandon = (path: string) =>
  execFileSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`,
    path,
  ])

describe('removeStaleSocket()', () => {
  it('removes a socket that nobody serves, and the directory that was made for it', async () => {
    const made = join(directory, 'plumbline-abcdef')
    mkdirSync(made)
    expect(() => abandon(join(made, 's'))).toThrow()
    await removeStaleSocket(join(made, 's'))
    expect(existsSync(made)).toBe(false)
  })

  it('leaves one that is served', async () => {
    const path = join(directory, 's')
    const server = createServer().listen(path)
    await once(server, 'listening')
    await removeStaleSocket(path, 1)
    expect(existsSync(path)).toBe(true)
    server.close()
  })

  it('leaves a file, which refuses as well, and what is not there', async () => {
    const path = join(directory, 'file')
    writeFileSync(path, 'precious')
    await removeStaleSocket(path)
    expect(existsSync(path)).toBe(true)
    await removeStaleSocket(join(directory, 'none'))
  })
})
