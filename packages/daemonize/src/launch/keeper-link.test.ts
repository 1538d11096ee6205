import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { resolveSettings } from '../config/settings.ts'
import { KeeperLink } from './keeper-link.ts'
import { formatSpecification } from './specification.ts'

function specify(folder: string): Buffer {
  const config = { name: 'a', command: ['touch', `${folder}/run`], pidfile: `${folder}/a.pid`, cwd: folder }
  const settings = resolveSettings({ path: `${folder}/a.json`, config }, {})
  return formatSpecification(settings, {
    id: '0'.repeat(32),
    boot: 'b',
    started: 0,
    cgroup: undefined,
    argv: config.command,
    environment: { PATH: '/usr/bin:/bin', LARGE: 'x'.repeat(300_000) },
    listen: [],
    notify: undefined,
    reach: [],
    readyFd: undefined,
    foreground: false,
  })
}

it('a keeper that is abandoned before it has read what it is to do ends, and has done nothing', async () => {
  const folder = mkdtempSync(`${tmpdir()}/keeper-link-`)
  const lock = openSync(`${folder}/lock`, 'w')
  const link = new KeeperLink({ output: undefined, lock, sockets: [] })
  try {
    // The end of it and what follows are read at once.
    link.specify(Buffer.concat([specify(folder), Buffer.from('x')]))
    await link.abandon()
    expect(existsSync(`${folder}/run`)).toBe(false)
    expect(existsSync(`${folder}/a.state.new`)).toBe(false)
  } finally {
    closeSync(lock)
    rmSync(folder, { recursive: true })
  }
})
