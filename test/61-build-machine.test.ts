// What of the machine a builder sees as it is, devices and the files that say how to use the network, stays as it is,
// whoever the builder is.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions, sha256 } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import type { StoreOptions } from './support/store.ts'

const scratch = new Scratch('machine')
chmodSync(scratch.path, 0o755)
const names = ['hosts', 'services', 'nsswitch.conf', 'resolv.conf']
const device = scratch.file('etc/device')

/** With an /etc of its own, and of a device its own name and inode, that no builder may spoil in earnest. */
function asRoot(): StoreOptions {
  const etc = scratch.file('etc')
  mkdirSync(etc)
  for (const name of ['passwd', 'group']) copyFileSync(`/etc/${name}`, `${etc}/${name}`)
  for (const name of names) writeFileSync(`${etc}/${name}`, `of the machine: ${name}\n`)
  const script = `mount --bind ${etc} /etc && mknod -m 666 ${device} c 1 7 && mount --bind ${device} /dev/full`
  return { prefix: ['unshare', '--mount', 'sh', '-c', `${script} && exec "$@"`, 'sh'] }
}

describe.skipIf(process.getuid?.() !== 0)('a builder that is root, and has the network', () => {
  it('changes neither', async () => {
    const { client, derivations } = await startBuildDaemon(scratch, 'root', asRoot())
    await setOptions(client)
    const made = await derivations.make('network', {
      script: `for name in ${names.join(' ')}; do (echo evil >> /etc/$name) 2>/dev/null || true; done
        $tool chmod 600 /dev/full || true; $tool chmod 600 /etc/hosts || true; echo lost > /dev/null; echo good > $out`,
      fixed: { algorithm: 'sha256', hash: sha256('good\n') },
    })
    await build(client, made.drv)
    for (const name of names) {
      const file = scratch.file(`etc/${name}`)
      expect(readFileSync(file, 'utf8')).toBe(`of the machine: ${name}\n`)
      expect(lstatSync(file).mode & 0o777).toBe(0o644)
    }
    expect(existsSync(device)).toBe(true)
    expect(lstatSync(device).mode & 0o777).toBe(0o666)
  })
})
