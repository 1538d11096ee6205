// A daemon ends, and a client leaves, also while what is larger than anybody can wait for is hashed.
import { chmodSync, existsSync, readdirSync, readlinkSync, truncateSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { until } from './support/until.ts'

const scratch = new Scratch('build-stopped')
const size = 2 ** 42

/** Whether a process has opened a file to read it. */
function hasOpen(pid: number, file: string): boolean {
  const folder = `/proc/${pid}/fd`
  const linkOf = (fd: string) => {
    try {
      return readlinkSync(`${folder}/${fd}`)
    } catch {
      return ''
    }
  }
  return readdirSync(folder).some((fd) => linkOf(fd) === file)
}

const untilLeft = (path: string) => until(() => !existsSync(path))

it.each([
  ['an output', undefined],
  ['a flat file of fixed hash', { algorithm: 'sha256', hash: '0'.repeat(64) }],
])('ends while it hashes %s', async (name, fixed) => {
  const { daemon, client, derivations } = await startBuildDaemon(
    scratch,
    `daemon-${name.replaceAll(' ', '-')}`,
    {
      args: ['--disable-chroot'],
    },
  )
  await setOptions(client)
  const made = await derivations.make('vast', {
    script: `/usr/bin/truncate -s ${size} $out`,
    ...(fixed && { fixed }),
  })
  const building = build(client, made.drv).catch((error: unknown) => error)
  await until(() => hasOpen(daemon.pid, made.out))
  expect(await daemon.stop()).toBe('SIGTERM')
  expect(await building).toBeInstanceOf(Error)
  expect(existsSync(made.out)).toBe(false)
})

it('gives up what it hashes when the client has left', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'left', {
    args: ['--disable-chroot'],
  })
  await setOptions(client)
  const made = await derivations.make('vast', { script: `/usr/bin/truncate -s ${size} $out` })
  const building = build(client, made.drv).catch((error: unknown) => error)
  await until(() => hasOpen(daemon.pid, made.out))
  client.close()
  await building
  await untilLeft(made.out)
})

it('ends while it looks for what is to be repaired', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'repair')
  await setOptions(client)
  const made = await derivations.make('small', { script: 'echo good > $out' })
  await build(client, made.drv)
  chmodSync(made.out, 0o644)
  truncateSync(made.out, size)
  const repairing = build(client, made.drv, 'repair').catch((error: unknown) => error)
  await until(() => hasOpen(daemon.pid, made.out))
  expect(await daemon.stop()).toBe('SIGTERM')
  expect(await repairing).toBeInstanceOf(Error)
})
