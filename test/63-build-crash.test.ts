// A daemon that is killed while it builds, in every phase: the next one finds nothing of it, and builds as if nothing
// had been.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { build, Derivations, setOptions, withBuildUsers, type Made } from './support/build.ts'
import { findProcesses, until } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import { TestStore } from './support/store.ts'

const scratch = new Scratch('build-crash')
const isRoot = process.getuid?.() === 0
// One build user, so that the next build needs the same one.
const options = isRoot ? withBuildUsers(scratch) : {}
if (isRoot) {
  const group = scratch.file('etc/group')
  execFileSync('sed', ['-i', 's/,plbuild1$//', group])
}
let count = 0

async function open(daemon: TestStore) {
  const client = await daemon.connect()
  await setOptions(client)
  return { client, derivations: new Derivations(client, daemon.store) }
}

const folders = () => readdirSync('/tmp').filter((name) => name.startsWith('guix-build-crash'))

/** What a killed daemon has left is gone, and the same build can be had at once. */
async function recovers(daemon: TestStore, made: Made, marker: string): Promise<void> {
  await daemon.start()
  const { client } = await open(daemon)
  const isValid = await client.isValid(made.out)
  if (isValid) expect(readFileSync(`${made.out}/file`, 'utf8')).toBe('whole\n')
  await build(client, made.drv)
  expect(readFileSync(`${made.out}/file`, 'utf8')).toBe('whole\n')
  expect(findProcesses(marker)).toEqual([])
  expect(folders()).toEqual([])
  // What a start sweeps takes the collector's lock.
  await client.call(13)
  await client.int()
  expect(await client.verify(true)).toBe(false)
  const left = readdirSync(daemon.store).filter((name) => !name.startsWith('.') && !isKnown(name))
  expect(left).toEqual([])
  client.close()
  await daemon.stop()
}

const isKnown = (name: string) => /-(bash|tool|crash-\d+(\.drv|-builder\.sh)?)$/.test(name)

function start(): { daemon: TestStore; name: string; marker: string } {
  const name = `crash-${count++}`
  const daemon = new TestStore(scratch, name, {
    ...options,
    env: { GUIX_LOG_DIRECTORY: scratch.file(`${name}-log`) },
  })
  return { daemon, name, marker: `${scratch.path}-${name}` }
}

describe('a daemon that is killed', () => {
  const points = [
    'build-prepared',
    'build-ended',
    'build-collected',
    'build-placed',
    'register-before-commit',
    'build-registered',
  ]
  it.each(points)('at %s', async (point) => {
    const { daemon, name, marker } = start()
    // The derivation and its inputs are registered first; the commit that is meant is the next.
    await daemon.start()
    const { client, derivations } = await open(daemon)
    const made = await derivations.make(name, { script: '$tool mkdir $out; echo whole > $out/file' })
    client.close()
    await daemon.stop()
    await daemon.start({ PLUMBLINE_FAULT: point })
    const { client: other } = await open(daemon)
    await expect(build(other, made.drv)).rejects.toThrow('closed')
    await daemon.untilDead()
    await recovers(daemon, made, marker)
  })

  it('while its builder runs, with daemons of its own', async () => {
    const { daemon, name, marker } = start()
    await daemon.start()
    const { client, derivations } = await open(daemon)
    const script = `$tool mkdir $out; echo half > $out/file
      for i in 1 2 3; do $tool daemon ${marker}; done; echo running; $tool sleep ${marker}`
    const stuck = await derivations.make(name, { script })
    build(client, stuck.drv).catch(() => undefined)
    await until('it runs', () => client.log.includes('running\n'))
    expect(findProcesses(marker).length).toBeGreaterThanOrEqual(3)
    expect(folders()).not.toEqual([])
    await daemon.stop('SIGKILL')
    await until('no process of the build is left', () => findProcesses(marker).length === 0)
    await until(
      'its directories are gone',
      () => folders().length === 0 && !existsSync(`${stuck.drv}.chroot`),
    )
    await daemon.start()
    const { client: other, derivations: own } = await open(daemon)
    expect(await other.isValid(stuck.out)).toBe(false)
    const made = await own.make(`${name}0`, { script: '$tool mkdir $out; echo whole > $out/file' })
    await build(other, made.drv)
    expect(readFileSync(`${made.out}/file`, 'utf8')).toBe('whole\n')
    other.close()
    await daemon.stop()
  })

  it('and restarted at once, waits for what is left of its builds', async () => {
    const { daemon, name, marker } = start()
    await daemon.start()
    const { client, derivations } = await open(daemon)
    const script = `$tool mkdir $out; echo half > $out/file; for i in {1..50}; do $tool daemon ${marker}; done
      echo running; $tool sleep ${marker}`
    const stuck = await derivations.make(name, { script })
    const made = await derivations.make(`${name}0`, { script: '$tool mkdir $out; echo whole > $out/file' })
    build(client, stuck.drv).catch(() => undefined)
    await until('it runs', () => client.log.includes('running\n'))
    await daemon.stop('SIGKILL')
    await daemon.start()
    const { client: other } = await open(daemon)
    // As the one build user that there is, whom the other build had.
    await build(other, made.drv)
    expect(findProcesses(marker)).toEqual([])
    other.close()
    await daemon.stop()
  })

  it('by a signal that it can take care of, ends its builds first', async () => {
    const { daemon, name, marker } = start()
    await daemon.start()
    const { client, derivations } = await open(daemon)
    const stuck = await derivations.make(name, {
      script: `$tool daemon ${marker}; echo running; $tool sleep ${marker}`,
    })
    build(client, stuck.drv).catch(() => undefined)
    await until('it runs', () => client.log.includes('running\n'))
    await daemon.stop('SIGTERM')
    expect(findProcesses(marker)).toEqual([])
    expect(folders()).toEqual([])
    expect(existsSync(`${stuck.drv}.chroot`)).toBe(false)
  })
})
