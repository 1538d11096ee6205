// What the system's ssh(1) is started by.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '@plumbline/common/connection/connection'
import { makeToken } from '@plumbline/common/connection/token'
import { expect, it, onTestFinished } from 'vitest'
import { makeOpensshEntry } from './openssh.ts'

it('leaves no folder of a master that is ended while it logs in, when nobody reads what its shell says', async () => {
  const bin = mkdtempSync(join(tmpdir(), 'plumbline-openssh-'))
  onTestFinished(() => rmSync(bin, { recursive: true }))
  // One that has not logged in yet has no answer to TERM.
  writeFileSync(join(bin, 'ssh'), '#!/bin/sh\necho waiting\nexec sleep 1000\n')
  chmodSync(join(bin, 'ssh'), 0o755)
  const token = makeToken()
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` }
  const master = () => {
    let command = ''
    const connection = { run: (request: { command: string }) => void (command = request.command) }
    const options = { policy: 'strict', timeoutMs: 1000, token } as const
    const entry = makeOpensshEntry(
      connection as unknown as Connection,
      { host: 'host', sshArguments: [] },
      options,
    )
    entry.start('sh -c :', ':')
    return spawn('sh', ['-c', command], { env, detached: true })
  }
  const shell = master()
  await once(shell.stdout, 'data')
  expect(existsSync(`/tmp/${token}`)).toBe(true)
  shell.stderr.destroy()
  await once(shell.stderr, 'close')
  process.kill(-(shell.pid ?? 0), 'SIGTERM')
  expect(await once(shell, 'exit')).toEqual([143, null])
  expect(existsSync(`/tmp/${token}`)).toBe(false)
})
