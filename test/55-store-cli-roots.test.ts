// `store-cli add-root`: what it may replace, whose root it is, and that nothing is collected before it is one.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startStore, storeCli, type TestStore } from './support/store.ts'

const scratch = new Scratch('store-cli-roots')
const addIndirectRoot = 12n

function addRoot(address: string, link: string, path: string) {
  return spawnSync(process.execPath, [storeCli, 'add-root', link, path], {
    env: environment({ GUIX_DAEMON_SOCKET: address }),
    encoding: 'utf8',
  })
}

async function makeItem(daemon: TestStore): Promise<string> {
  const client = await daemon.connect()
  const path = await client.addText('item', 'item')
  client.close()
  return path
}

/** A socket of the daemon's, behind which a collection runs to its end before a root is added. */
async function collectBetween(daemon: TestStore): Promise<string> {
  const server = createServer((client) => {
    const behind = connect(daemon.socket)
    behind.pipe(client)
    void (async () => {
      for await (const chunk of client as AsyncIterable<Buffer>) {
        if (chunk.length >= 8 && chunk.readBigUInt64LE() === addIndirectRoot) {
          const other = await daemon.connect()
          await other.collect(2)
          other.close()
        }
        behind.write(chunk)
      }
      behind.end()
    })()
  })
  const address = scratch.file('between')
  await once(server.listen(address), 'listening')
  onTestFinished(() => void server.close())
  return address
}

describe('store-cli add-root', () => {
  it('replaces a symlink, and no file', async () => {
    const daemon = await startStore(scratch, 'replace')
    const path = await makeItem(daemon)
    const [file, link] = [scratch.file('notes'), scratch.file('link')]
    writeFileSync(file, 'precious')
    symlinkSync('nowhere', link)
    const refused = addRoot(daemon.socket, file, path)
    expect([refused.status, refused.stderr]).toEqual([
      1,
      `store-cli: Cannot create "${file}": it is there, and no symlink\n`,
    ])
    expect(readFileSync(file, 'utf8')).toBe('precious')
    expect(addRoot(`unix://${daemon.socket}`, link, path).status).toBe(0)
    expect(readlinkSync(link)).toBe(path)
  })

  it('takes no name beside the link for its own, and every name that a link can have', async () => {
    const daemon = await startStore(scratch, 'beside')
    const path = await makeItem(daemon)
    const link = scratch.file('beside/link')
    const beside = 'echo precious >"$2.$$"; exec "$0" "$1" add-root "$2" "$3"'
    const { pid, status } = spawnSync('sh', ['-c', beside, process.execPath, storeCli, link, path], {
      env: environment({ GUIX_DAEMON_SOCKET: daemon.socket }),
    })
    expect([status, readlinkSync(link)]).toEqual([0, path])
    expect(readFileSync(`${link}.${pid}`, 'utf8')).toBe('precious\n')
    const long = scratch.file(`beside/${'l'.repeat(255)}`)
    expect([addRoot(daemon.socket, long, path).status, readlinkSync(long)]).toEqual([0, path])
    expect(readdirSync(daemon.folder).filter((name) => name.startsWith('.'))).toEqual([])
  })

  it('keeps the path from a collection that comes before it is a root', async () => {
    const daemon = await startStore(scratch, 'race')
    const path = await makeItem(daemon)
    const link = scratch.file('kept')
    const child = spawn(process.execPath, [storeCli, 'add-root', link, path], {
      env: environment({ GUIX_DAEMON_SOCKET: await collectBetween(daemon) }),
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    expect(await once(child, 'exit')).toEqual([0, null])
    expect([readlinkSync(link), existsSync(path)]).toEqual([path, true])
  })

  it.each(['guix://localhost', 'ssh://localhost'])('makes no link here that %s would not see', (address) => {
    const { status, stderr } = addRoot(address, scratch.file('far'), '/gnu/store/x')
    expect([status, stderr]).toEqual([64, expect.stringContaining(`no root of the daemon at ${address}`)])
    expect(existsSync(scratch.file('far'))).toBe(false)
  })
})
