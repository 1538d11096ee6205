import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { createHash } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { findProcesses, peakMemory } from './support/processes.ts'
import { ConnectionProxy } from './support/proxy.ts'
import { isRoot } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { exited, startShell } from './support/shell.ts'

const scratch = new Scratch('agent-load')
const mebibyte = 1024 * 1024
/** More of it takes longer, and no more memory. */
const largeMebibytes = Number(process.env['LARGE_MEBIBYTES'] ?? 128)

describe('an agent', () => {
  it('starts in one round trip, in two the first time', async () => {
    const home = scratch.file('home')
    const rounds = async () => {
      const proxy = new ConnectionProxy(scratch)
      let count = 0
      let asking = false
      proxy.onRelay = (relay) => {
        const { onRequest } = relay
        let rest = ''
        relay.onRequest = (bytes) => {
          onRequest(bytes)
          const lines = `${rest}${bytes.toString('utf8')}`.split('\n')
          rest = lines.pop() ?? ''
          // Room for more output is given while it arrives, and asks for nothing.
          const asks = lines.some((line) => line && !line.includes('"type":"more"'))
          if (asks && !asking) count++
          asking ||= asks
        }
        relay.onAnswer = (bytes) => {
          if (bytes.toString('utf8').includes('"type":"output"')) asking = false
        }
      }
      const local = startShell('exec connect local -n', { env: { HOME: home } })
      // It stays: its end would ask for something, and may be seen before its line.
      const node = startShell('exec connect node', { input: proxy.filter(local) })
      await once(createInterface({ input: node.stdout as Readable }), 'line')
      const needed = count
      node.kill('SIGTERM')
      await Promise.all([exited(local), exited(node)])
      return needed
    }
    expect([await rounds(), await rounds()]).toEqual([2, 1])
  })

  it('carries out a thousand requests at the same time', async () => {
    const shell = startShell('connect node -n')
    const [line] = (await once(createInterface({ input: shell.stdout as Readable }), 'line')) as [string]
    const client = connect((JSON.parse(line) as { socket: string }).socket)
    const requests = Array.from({ length: 1000 }, (_, index) =>
      index % 4 === 0
        ? { type: 'run', id: `${index}`, command: `echo ${index}` }
        : { type: 'readfile', id: `${index}`, path: '/proc/self/comm' },
    )
    client.write(requests.map((request) => `${JSON.stringify(request)}\n`).join(''))
    const said = new Map<string, string>()
    let last = 0
    for await (const answer of createInterface({ input: client })) {
      const { type, id, data, status } = JSON.parse(answer) as Record<string, string | number>
      if (type === 'output') said.set(String(id), `${said.get(String(id)) ?? ''}${data}`)
      if (type === 'exit') expect(status).toBe(0)
      if ((type === 'exit' || type === 'done') && ++last === requests.length) break
    }
    for (const { id, type } of requests)
      expect(said.get(id)).toBe(type === 'run' ? `${id}\n` : 'plumbline-agent\n')
    client.destroy()
    await exited(shell)
  })

  it.skipIf(!isRoot)('sends a large file through four hops in little memory', async () => {
    const size = largeMebibytes * mebibyte
    const large = scratch.file('large')
    writeFileSync(large, 'begin')
    truncateSync(large, size)
    const hops = 'connect local -n | connect node | connect setuid root | connect setuid root'
    const shell = startShell(`${hops} | connect get ${large}`)
    const hash = createHash('sha256')
    const peaks = new Map<number, number>()
    let read = 0
    for await (const chunk of shell.stdout as Readable) {
      const before = Math.floor(read / (16 * mebibyte))
      read += (chunk as Buffer).length
      hash.update(chunk as Buffer)
      if (Math.floor(read / (16 * mebibyte)) === before) continue
      for (const each of findProcesses(shell.pid ?? 0)) peaks.set(each.pid, peakMemory(each))
    }
    const expected = createHash('sha256').update('begin')
    const zeros = Buffer.alloc(mebibyte)
    for (let at = 5; at < size; at += mebibyte) expected.update(zeros.subarray(0, size - at))
    expect([read, hash.digest('hex')]).toEqual([size, expected.digest('hex')])
    expect(peaks.size).toBeGreaterThan(7)
    expect(Math.max(...peaks.values()) / mebibyte).toBeLessThan(200)
  })
})
