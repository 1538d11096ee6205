// What a client without privileges cannot do, and what a client that is gone leaves.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'
import { startStore, storeDaemon, TestStore } from './support/store.ts'
import { int, str } from './support/wire.ts'

const scratch = new Scratch('store-trust')
const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']

/** Records to the daemon from another uid; the answers. */
async function ask(daemon: TestStore, ...requests: object[]): Promise<Record<string, unknown>[]> {
  const child = spawn('setpriv', [...nobody, 'nc', '-N', '-U', daemon.socket], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(requests.map((request) => `${JSON.stringify(request)}\n`).join(''))
  const lines = (await text(child.stdout)).split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe.skipIf(process.getuid?.() !== 0)('an unprivileged client', () => {
  it('cannot repair', async () => {
    const daemon = await startStore(scratch, 'repair')
    const [answer] = await ask(daemon, { type: 'verify', repair: true })
    expect(answer).toMatchObject({ type: 'error', message: 'you are not privileged to repair paths' })
  })

  it('cannot write to the store or the state', async () => {
    const daemon = await startStore(scratch, 'write')
    const client = await daemon.connect()
    const path = await client.addText('mine', 'mine')
    client.close()
    execFileSync('chmod', ['o+x', daemon.folder])
    const places = [
      path,
      `${daemon.store}/.links/x`,
      `${daemon.state}/gcroots/x`,
      `${daemon.state}/gcroots/auto/x`,
      `${daemon.state}/temproots/x`,
      `${daemon.state}/db/x`,
      `${daemon.state}/gc.lock`,
      `${daemon.state}/db/db.sqlite`,
    ]
    for (const place of places) {
      const { status } = spawnSync('setpriv', [...nobody, 'sh', '-c', 'echo x >> "$1"', 'sh', place], {
        stdio: 'ignore',
      })
      expect([place, status]).not.toEqual([place, 0])
    }
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })

  it('cannot remove items of the store', async () => {
    const daemon = await startStore(scratch, 'remove')
    const client = await daemon.connect()
    const path = await client.addText('mine', 'mine')
    client.close()
    expect(spawnSync('setpriv', [...nobody, 'rm', '-f', path], { stdio: 'ignore' }).status).not.toBe(0)
    expect(existsSync(path)).toBe(true)
  })

  it('cannot make the daemon read a file for it', async () => {
    const daemon = await startStore(scratch, 'read')
    const secret = scratch.file('secret')
    writeFileSync(secret, 'secret')
    chmodSync(secret, 0o600)
    const link = scratch.file('link')
    symlinkSync(secret, link)
    // A root is a name, which is not opened; nothing else takes a file name that is not in the store.
    const answers = await ask(
      daemon,
      { type: 'add-root', link },
      { type: 'path-info', path: secret },
      { type: 'references', path: `${daemon.store}/../secret` },
      { type: 'roots' },
      { type: 'gc', action: 'dead' },
    )
    expect(JSON.stringify(answers)).not.toContain('"secret"')
    expect(answers.filter(({ type }) => type === 'error').map(({ code }) => code)).toEqual([
      'NOT_IN_STORE',
      'NOT_IN_STORE',
    ])
  })

  it("is told only what it asked, while others' calls are served", async () => {
    const daemon = await startStore(scratch, 'replies')
    const client = await daemon.connect()
    const many = Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        ask(
          daemon,
          ...Array.from({ length: 20 }, (_, n) => ({
            type: 'valid-path',
            id: `${index}-${n}`,
            path: `${daemon.store}/${index}-${n}`,
          })),
        ),
      ),
    )
    for (let index = 0; index < 200; index++) await client.addText(`t${index}`, `private ${index}`)
    for (const [index, answers] of (await many).entries()) {
      expect(answers.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, n) => `${index}-${n}`))
    }
  })
})

describe('a daemon', () => {
  it('keeps what a connection has added from others, until it ends', async () => {
    const daemon = await startStore(scratch, 'temporary')
    const [one, other] = [await daemon.connect(), await daemon.connect()]
    const path = await one.addText('mine', 'mine')
    await expect(other.collect(3, [path])).rejects.toThrow(
      `cannot delete path \`${path}' since it is still alive`,
    )
    expect((await other.collect(2)).paths).toEqual([])
    // To list what is dead is no collection.
    expect((await one.collect(1)).paths).toEqual([path])
    expect((await other.collect(2)).paths).toEqual([])
    // Its own collection is another matter: it knows what it does.
    expect((await one.collect(3, [path])).paths).toEqual([path])
    const again = await one.addText('mine', 'mine')
    one.close()
    for (let gone = false; !gone;) gone = (await other.collect(2)).paths.includes(again)
    expect(existsSync(again)).toBe(false)
  })

  it('keeps what a root in the file system points to, directly or through another link', async () => {
    const daemon = await startStore(scratch, 'roots')
    const client = await daemon.connect()
    const [direct, indirect, dead] = [
      await client.addText('d', 'd'),
      await client.addText('i', 'i'),
      await client.addText('x', 'x'),
    ]
    symlinkSync(direct, `${daemon.state}/gcroots/direct`)
    symlinkSync(indirect, `${daemon.folder}/link`)
    await client.call(12, str(`${daemon.folder}/link`))
    await client.int()
    expect((await client.collect(1)).paths).toEqual([dead])
    await client.call(14)
    expect(await client.int()).toBe(2)
    await client.take(0)
  })

  it('leaves nothing of itself when it ends, and serves the same store again', async () => {
    const daemon = new TestStore(scratch, 'again')
    await daemon.start()
    const client = await daemon.connect()
    const path = await client.addText('kept', 'kept')
    client.close()
    expect(await daemon.stop()).toBe('SIGTERM')
    expect(readdirSync(`${daemon.state}/temproots`)).toEqual([])
    expect(readdirSync(daemon.store).sort()).toEqual(['.links', path.slice(daemon.store.length + 1)].sort())
    await daemon.start()
    const second = await daemon.connect()
    expect(await second.isValid(path)).toBe(true)
    expect(lstatSync(path).mode & 0o7777).toBe(0o444)
    expect(lstatSync(path).mtimeMs).toBe(1000)
    second.close()
    await daemon.stop()
  })

  it('serves one connection on standard input and output', () => {
    const folder = scratch.file('stdio')
    const args = [storeDaemon, '--store', `${folder}/store`, '--state', `${folder}/state`, '--stdio']
    const input = '{"type":"add-text","name":"x","text":"y"}\n'
    const { stdout, status } = spawnSync(process.execPath, args, {
      input,
      encoding: 'utf8',
      env: environment(),
    })
    expect([status, JSON.parse(stdout)]).toMatchObject([0, { type: 'path' }])
  })

  it('takes no for an answer to --discover, as Guix System gives it', () => {
    const status = (option: string) => {
      const args = [
        storeDaemon,
        '--store',
        scratch.file('none/store'),
        '--state',
        scratch.file('none/state'),
        '--stdio',
      ]
      return spawnSync(process.execPath, [...args, option], { input: '', env: environment() }).status
    }
    expect(['--discover=no', '--discover', '--discover=yes'].map(status)).toEqual([0, 64, 64])
  })

  it('serves no longer on standard input than the connection lasts, whoever ends it', async () => {
    const daemon = await startStore(scratch, 'relayed')
    const alone = scratch.file('alone')
    const connected = async (state: string, store: string) => {
      const args = [storeDaemon, '--store', store, '--state', state, '--stdio']
      const child = spawn(process.execPath, args, { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] })
      child.stdin.on('error', () => undefined).write(int(0x6e697863))
      await once(child.stdout, 'data')
      return child
    }
    const wrong = Buffer.concat([0x163, 0, 1, 999].map(int))
    const children = [
      await connected(daemon.state, daemon.store),
      await connected(daemon.state, daemon.store),
      await connected(`${alone}/state`, `${alone}/store`),
    ]
    const exits = children.map((child) => once(child, 'exit'))
    children[0]?.stdin.write(wrong)
    children[2]?.stdin.write(wrong)
    expect(await exits[0]).toEqual([0, null])
    expect(await exits[2]).toEqual([0, null])
    await daemon.stop('SIGKILL')
    expect(await exits[1]).toEqual([0, null])
  })
})
