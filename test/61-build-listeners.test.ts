// Who listens to a build and does not read, and a log that cannot be kept: neither is in the way of the build.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, modes, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import { int, list, str, type WireClient } from './support/wire.ts'

const scratch = new Scratch('listeners')
const loud = 20_000_000

/** Bytes that a build which is running has printed. */
async function logLength(client: WireClient, drv: string): Promise<number> {
  let length = 0
  client.socket.write(Buffer.concat([int(1024), str(drv), int(0)]))
  await client.reply((bytes) => (length += bytes.length))
  await client.int()
  return length
}

/** As long as something comes, it is not held up. */
async function heldUpAt(client: WireClient, drv: string): Promise<number> {
  let before = 0
  for (let same = 0; same < 50;) {
    const now = await logLength(client, drv).catch(() => 0)
    same = now > 0 && now === before ? same + 1 : 0
    before = now
  }
  return before
}

it('who began a build and reads nothing of it does not keep it from who wants it too', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'daemon')
  const [stuck, other] = [await daemon.connect(), await daemon.connect()]
  scratch.onEnd(() => [stuck, other].forEach((each) => each.close()))
  const made = await derivations.make('loud', { script: `$tool print ${loud}; echo good > $out` })
  await setOptions(stuck)
  stuck.socket.pause()
  stuck.socket.write(Buffer.concat([int(9), list([made.drv]), int(modes.normal)]))
  expect(await heldUpAt(client, made.drv)).toBeLessThan(loud)
  await setOptions(other)
  other.onNext = () => undefined
  await build(other, made.drv)
  expect(readFileSync(made.out, 'utf8')).toBe('good\n')
})

it('a log for which there is no place ends neither the build nor the daemon', async () => {
  mkdirSync(scratch.file('nowhere'))
  writeFileSync(scratch.file('nowhere/log'), '')
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'nowhere')
  await setOptions(client)
  const long = await derivations.make('long', {
    script: 'echo first; read -t 3 x < <($tool sleep) || true; echo good > $out',
  })
  await build(client, long.drv)
  const large = await derivations.make('large', { script: '$tool print 1000000; echo good > $out' })
  client.onNext = () => undefined
  await build(client, large.drv)
  expect([long, large].map(({ out }) => readFileSync(out, 'utf8'))).toEqual(['good\n', 'good\n'])
  expect(daemon.stderr).toBe('')
})

it('a log for which there is no place is not waited for', async () => {
  mkdirSync(scratch.file('no-log'))
  writeFileSync(scratch.file('no-log/log'), '')
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'no-log', {
    args: ['--disable-chroot'],
  })
  const [other, reader] = [await daemon.connect(), await daemon.connect()]
  scratch.onEnd(() => [other, reader].forEach((each) => each.close()))
  for (const each of [client, other]) await setOptions(each)
  const gate = scratch.file('no-log/gate')
  execFileSync('mkfifo', [gate])
  const made = await derivations.make('no-log', {
    // It must not be possible to make it much shorter.
    script: `for ((i = 0; i < 50000; i++)); do echo $RANDOM$RANDOM$RANDOM; done
      echo the end; read x < ${gate}; echo the rest; echo good > $out`,
  })
  const printed = new Promise<void>((resolve) => {
    client.onNext = (bytes) => {
      if (bytes.includes('the end\n')) resolve()
    }
  })
  const building = build(client, made.drv)
  await printed
  await expect(logLength(reader, made.drv)).rejects.toThrow(/log/)
  const told = new Promise<void>((resolve) => {
    other.onNext = (bytes) => {
      other.log += bytes.toString()
      if (other.log.includes('cannot be read')) resolve()
    }
  })
  const sharing = build(other, made.drv)
  await told
  writeFileSync(gate, 'go\n')
  await Promise.all([building, sharing])
  expect(other.log).toMatch(/what the builder has printed before cannot be read.*the rest\n/s)
})

it('who comes when the log has been taken away gets the rest', async () => {
  const { daemon, client, derivations, logs } = await startBuildDaemon(scratch, 'away')
  const other = await daemon.connect()
  scratch.onEnd(() => other.close())
  for (const each of [client, other]) await setOptions(each)
  const script = '$tool print 200000; read -t 1 x < <($tool sleep) || true; echo the rest; echo good > $out'
  const made = await derivations.make('away', { script })
  const printed = new Promise<void>((resolve) => {
    let bytes = 0
    client.onNext = ({ length }) => {
      bytes += length
      if (bytes > 200_000) resolve()
    }
  })
  const building = build(client, made.drv)
  await printed
  rmSync(logs, { recursive: true })
  await build(other, made.drv)
  await building
  expect(other.log).toMatch(/what the builder has printed before cannot be read.*the rest\n/s)
  expect(readFileSync(made.out, 'utf8')).toBe('good\n')
})

it('who came later and reads nothing of it does hold it up, once nobody else wants it', async () => {
  const { daemon, client, derivations } = await startBuildDaemon(scratch, 'later', {
    args: ['--disable-chroot'],
  })
  const [first, stuck] = [await daemon.connect(), await daemon.connect()]
  scratch.onEnd(() => [first, stuck].forEach((each) => each.close()))
  for (const each of [first, stuck]) await setOptions(each)
  const gate = scratch.file('gate')
  execFileSync('mkfifo', [gate])
  const made = await derivations.make('later', {
    script: `$tool print 1000000; read x < ${gate}; $tool print ${loud}; echo good > $out`,
  })
  first.onNext = () => undefined
  const building = build(first, made.drv).catch(() => undefined)
  while ((await logLength(client, made.drv).catch(() => 0)) < 1_000_000) continue
  stuck.socket.write(Buffer.concat([int(9), list([made.drv]), int(modes.normal)]))
  // Told of the build, it takes part in it.
  await once(stuck.socket, 'data')
  stuck.socket.pause()
  first.close()
  await building
  writeFileSync(gate, 'go\n')
  expect(await heldUpAt(client, made.drv)).toBeLessThan(loud)
})
