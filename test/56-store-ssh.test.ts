// store-cli to a store on another machine, through a real sshd: `store-daemon --stdio` runs at the far end.
import { spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { storeCli, storeDaemon, TestStore } from './support/store.ts'

const scratch = new Scratch('store-ssh')

describe.skipIf(process.getuid?.() !== 0)('store-cli over ssh', () => {
  it('asks a daemon that serves there, one that does not, and no host whose key is unknown', async () => {
    const daemon = new TestStore(scratch, 'far')
    const command = `${process.execPath} ${storeDaemon} --store ${daemon.store} --state ${daemon.state} --stdio`
    const sshd = await startSshd(scratch, [`ForceCommand ${command}`])
    sshd.addHost('far')
    sshd.addHost('alias', { HostKeyAlias: 'store' })
    const run = (args: readonly string[], input = '', host = 'far') => {
      const line = [storeCli, ...args, '--socket', `ssh://${host}`, '--ssh-config', sshd.config]
      const ran = spawnSync(process.execPath, line, { input, env: environment(), encoding: 'utf8' })
      const records = ran.stdout
        .split('\n')
        .filter((text) => text !== '')
        .map((text) => JSON.parse(text) as Record<string, unknown>)
      return { ...ran, records }
    }
    // Nobody serves it yet: the far end opens the store itself.
    const added = run(['add-text', 'far'], 'away')
    expect([added.status, added.stderr]).toEqual([0, ''])
    const path = added.records[0]?.['path'] as string
    await daemon.start()
    expect(run(['valid', path]).records).toEqual([{ type: 'path', path, valid: true }])
    await daemon.stop()
    const known = readFileSync(sshd.knownHosts, 'utf8')
    writeFileSync(sshd.knownHosts, known.replaceAll(/^\S+/gm, 'store'))
    expect(run(['ping'], '', 'alias').status).toBe(0)
    writeFileSync(sshd.knownHosts, known)
    appendFileSync(sshd.knownHosts, known.replaceAll(/^\S+/gm, '@revoked *'))
    const revoked = run(['valid', path])
    expect([revoked.status, revoked.stderr]).toEqual([76, expect.stringContaining('is revoked in')])
    writeFileSync(sshd.knownHosts, '')
    const refused = run(['valid', path])
    expect(refused.status).toBe(76)
    expect(refused.stderr).toMatch(/is not in .*: SHA256:\S{43} \(run 'ssh far' once\)/)
  })
})
