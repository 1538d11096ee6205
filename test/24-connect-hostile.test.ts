// Surroundings that other tests do not have: what is full or missing on the far side, sudo in sudo with all that sudoers
// can demand, and servers that break off or stall in the middle of a handshake. PL_DROPS=1 breaks off at every byte.
// @needs-root: users with sudo rights, an sshd
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Leftovers } from './support/leftovers.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { makeUser } from './support/users.ts'

const scratch = new Scratch('hostile')
const password = `it's a "pass word" \\ $HOME`
const secret = scratch.file('secret')
writeFileSync(secret, `${password}\n`, { mode: 0o600 })
const sshd = await startSshd(scratch, ['MaxStartups 500'])
const plain = makeUser(scratch)
const homeless = makeUser(scratch, { home: 'missing' })
const asked = makeUser(scratch, { password, sudoers: 'USER ALL=(ALL:ALL) ALL' })
const strict = makeUser(scratch, {
  password,
  sudoers:
    `Defaults:USER requiretty,use_pty,log_output,log_input,iolog_dir=${scratch.path}/iolog\n` +
    'USER ALL=(ALL:ALL) ALL',
})
const left = new Leftovers(scratch, [plain, homeless, asked, strict])
const { env } = left
afterEach(() => left.expectNone())

for (const user of [plain, homeless, asked, strict]) sshd.addHost(user, { User: user })
const ssh = (host: string) => `connect ssh -F ${sshd.config} ${host}`
const everyByte = scratch.file('bytes')
writeFileSync(everyByte, Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 256)))

describe('a far side', () => {
  it('where the home is missing', async () => {
    const { stdout, stderr, status } = await shell(`${ssh(homeless)} | connect exec pwd`, { env })
    expect([stdout, stderr, status]).toEqual(['/\n', '', 0])
  })

  it.each([
    ['read-only', 'mount -t tmpfs -o ro none /tmp'],
    [
      'full',
      'mount -t tmpfs -o size=4k,mode=1777 none /tmp && { cat /dev/zero >/tmp/fill 2>/dev/null; true; }',
    ],
  ])('where /tmp is %s', async (_, mount) => {
    // The new /tmp hides the file itself.
    const forced = `/usr/local/bin/${plain}`
    const inner = `${mount} && exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"`
    writeFileSync(forced, `#!/bin/sh\nexec unshare -m sh -c '${inner}'\n`)
    chmodSync(forced, 0o755)
    scratch.onEnd(() => void execFileSync('rm', ['-f', forced]))
    const server = await startSshd(scratch, [`ForceCommand ${forced}`])
    server.addHost('cramped', { User: 'root' })
    const far = `connect ssh -F ${server.config} cramped`
    const bytes = `connect exec -i ${everyByte} -c -- '{ echo x >/tmp/x; } 2>/dev/null && echo writable >&2; cat; exit 3'`
    for (const more of [
      '',
      `| connect su ${plain}`,
      '| connect sudo',
      '| connect node',
      '| connect chroot.shell /',
    ]) {
      const result = await shell(`${far} ${more} | ${bytes}`, { env })
      expect([more, result.stderr, result.status]).toEqual([more, '', 3])
      expect(result.bytes.equals(readFileSync(everyByte))).toBe(true)
    }
    const { stdout, status } = await shell(`${far} | connect put ${everyByte} /tmp/new`, { env })
    expect(recordsOf(stdout)[0]).toMatchObject({ type: 'error', code: 'FILE_UNWRITABLE', host: 'cramped' })
    expect(status).toBe(1)
  })
})

describe('sudo', () => {
  it('in sudo, with a terminal, logs of everything and a password each, passes every byte', async () => {
    const sudo = `connect sudo --password-file ${secret}`
    const chain = `${ssh(strict)} | ${sudo} | connect su ${strict} | ${sudo} -u ${strict} | ${sudo}`
    const command = `connect exec -i ${everyByte} -c -- 'cat; echo err >&2; id -un >&2; exit 5'`
    const result = await shell(`${chain} | ${command}`, { env })
    expect([result.stderr, result.status]).toEqual(['err\nroot\n', 5])
    expect(result.bytes.equals(readFileSync(everyByte))).toBe(true)
  })

  it('asks for its password once a hop', async () => {
    const count = scratch.file('count')
    const sudo = `connect sudo --password-command 'echo asked >>${count}; cat ${secret}'`
    const site = scratch.file('site.ndjson')
    writeFileSync(site, '{"property":"cmd.single","command":"true"}\n'.repeat(5))
    const { status } = await shell(
      `${ssh(asked)} | ${sudo} | connect su ${asked} | ${sudo} | propapply ${site}`,
      {
        env,
      },
    )
    expect([status, readFileSync(count, 'utf8')]).toEqual([0, 'asked\nasked\n'])
  })
})

/** What happens to a connection when the server has sent so many bytes. */
type Fault = { at: number; fault: 'drop' | number }

/** A server that does what sshd does, up to its fault; each connection has the next one. */
async function startFaulty(faults: readonly Fault[]) {
  const rest = [...faults]
  const server = createServer((client) => {
    const { at, fault } = rest.shift() ?? { at: Infinity, fault: 0 }
    const far = connect(sshd.port, '127.0.0.1')
    let sent = 0
    far.on('data', (bytes) => {
      const due = sent < at && sent + bytes.length >= at
      const before = due ? bytes.subarray(0, at - sent) : bytes
      sent += bytes.length
      client.write(before)
      if (!due) return
      if (fault === 'drop') client.destroy()
      else {
        far.pause()
        setTimeout(() => {
          client.write(bytes.subarray(before.length))
          far.resume()
        }, fault)
      }
    })
    client.on('data', (bytes) => far.write(bytes))
    for (const [one, other] of [[client, far] as const, [far, client] as const]) {
      one.on('error', () => undefined).on('close', () => other.destroy())
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  scratch.onEnd(() => void server.close())
  return String((server.address() as AddressInfo).port)
}

let servers = 0
/** One connect to as many hosts as there are faults. */
async function connectThrough(faults: readonly Fault[]) {
  const Port = await startFaulty(faults)
  const hosts = faults.map((_, index) => `faulty${servers}x${index}`)
  servers++
  const options = { User: plain, Port, HostKeyAlias: `[127.0.0.1]:${sshd.port}` }
  for (const host of hosts) sshd.addHost(host, options)
  return `${ssh(hosts.join(' '))} --timeout 20s`
}

describe('a server', () => {
  /** More than it sends until the hop has been entered. */
  const handshake = 4096
  const step = process.env['PL_DROPS'] ? 1 : 79

  it(
    'that breaks off at any byte is an error at once, or a connection that is lost',
    { timeout: 900_000 },
    async () => {
      const points = Array.from({ length: Math.ceil(handshake / step) }, (_, index) => 1 + index * step)
      const entered: number[] = []
      for (let from = 0; from < points.length; from += 64) {
        const faults = points.slice(from, from + 64).map((at): Fault => ({ at, fault: 'drop' }))
        const { stdout, stderr } = await shell(`${await connectThrough(faults)} --linger 0`, { env })
        const records = recordsOf(stdout)
        expect(records).toHaveLength(faults.length + 1)
        for (const record of records.slice(0, -1)) {
          if (record.type === 'connection') entered.push(1)
          else {
            expect(record).toMatchObject({ type: 'error', retryable: true })
            expect(['HOST_UNREACHABLE', 'CONNECTION_LOST']).toContain(record['code'])
          }
        }
        expect(stderr).not.toMatch(/INTERNAL|bug|\n +at |ssh command/)
        await left.expectNone()
      }
      // The points reach beyond the handshake, or they would not cover it.
      expect(entered.length).toBeGreaterThan(0)
      expect(entered.length).toBeLessThan(points.length)
    },
  )

  it('that stalls for five seconds is waited for', async () => {
    const faults = [1, 30, 700, 1500, 2200].map((at): Fault => ({ at, fault: 5000 }))
    const { stdout, stderr, status } = await shell(`${await connectThrough(faults)} | connect exec id -un`, {
      env,
    })
    const outputs = recordsOf(stdout).filter(({ type }) => type === 'output')
    expect(outputs.map(({ data }) => data)).toEqual(faults.map(() => `${plain}\n`))
    expect([stderr, status]).toEqual(['', 0])
  })
})
