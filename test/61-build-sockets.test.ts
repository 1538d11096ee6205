// Builders whose results are known beforehand share the machine's network, and with it the abstract names of sockets.
// What meets them there is handed no open file: it could change the item once it has been accepted.
import { spawn } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { beforeAll, describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, buildUsers, setOptions, sha256, type Derivations, withBuildUsers } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import type { StoreOptions } from './support/store.ts'
import type { WireClient } from './support/wire.ts'

const scratch = new Scratch('sockets')
chmodSync(scratch.path, 0o755)

function asNobody(): StoreOptions {
  const nobody = buildUsers.gid + 5
  const folder = scratch.file('rootless')
  mkdirSync(folder)
  chownSync(folder, nobody, nobody)
  const prefix = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
  return { prefix, env: { HOME: folder } }
}

const kinds: { name: string; options: () => StoreOptions }[] = [
  { name: 'root', options: () => ({}) },
  { name: 'build-users', options: () => withBuildUsers(scratch) },
  { name: 'rootless', options: asNobody },
]

describe.skipIf(process.getuid?.() !== 0).each(kinds)('$name', ({ name, options }) => {
  let client: WireClient
  let derivations: Derivations

  beforeAll(async () => {
    ;({ client, derivations } = await startBuildDaemon(scratch, name, options()))
    await setOptions(client)
  })

  it('an output is nobody’s to write to who met its builder', async () => {
    const tool = await derivations.tool()
    for (const way of ['socket', 'pair', 'old']) {
      const meeting = `${name}-${way}-${process.pid}`
      const other = spawn(tool, ['borrow', meeting, 'evil'], { stdio: ['pipe', 'pipe', 'inherit'] })
      await once(other.stdout, 'data')
      const text = `good ${way}\n`
      const made = await derivations.make(way, {
        script: `echo "good ${way}" > $out; $tool lend ${way} ${meeting} $out || true`,
        fixed: { algorithm: 'sha256', hash: sha256(text) },
      })
      await build(client, made.drv)
      const ended = once(other, 'exit')
      other.stdin.end('\n')
      await ended
      expect(readFileSync(made.out, 'utf8')).toBe(text)
    }
    expect(await client.verify(true)).toBe(false)
  })

  it('a builder has connected pairs of sockets, and the network', async () => {
    const made = await derivations.make('pairs', {
      script: '$tool streams; echo good > $out',
      fixed: { algorithm: 'sha256', hash: sha256('good\n') },
    })
    await build(client, made.drv)
    expect(readFileSync(made.out, 'utf8')).toBe('good\n')
  })
})
