// Files of the state that are not what they should be: each is named with what is wrong, and nothing is collected.
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { holdLock, isLockFree } from './support/record-lock.ts'
import { Scratch } from './support/scratch.ts'
import { startStore, TestStore } from './support/store.ts'

const scratch = new Scratch('store-damage')
const isRoot = process.getuid?.() === 0
const nobody = 65534
const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']

/** In place of what is there. */
function putDirectory(path: string): void {
  rmSync(path, { force: true })
  mkdirSync(path, { recursive: true })
}

describe('the version of the schema', () => {
  const put = (name: string, contents: string | undefined) => {
    const daemon = new TestStore(scratch, name)
    const file = `${daemon.state}/db/schema`
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    if (contents === undefined) mkdirSync(file)
    else writeFileSync(file, contents)
    return { daemon, file }
  }

  it.each(['', 'seven', '7abc', '0x7'])('%j is none', async (contents) => {
    const { daemon, file } = put(`schema-${Buffer.from(contents).toString('hex')}`, contents)
    await expect(daemon.start()).rejects.toThrow(`\`${file}' is corrupt`)
    expect(existsSync(`${daemon.state}/db/db.sqlite`)).toBe(false)
  })

  it('in what is no file', async () => {
    const { daemon, file } = put('schema', undefined)
    await expect(daemon.start()).rejects.toThrow(`cannot read \`${file}': is a directory`)
  })

  it.skipIf(!isRoot)('that the daemon may not read', async () => {
    const daemon = new TestStore(scratch, 'unreadable', { prefix: asNobody })
    const file = `${daemon.state}/db/schema`
    mkdirSync(`${daemon.state}/db`, { recursive: true })
    writeFileSync(file, '7')
    chmodSync(file, 0o600)
    for (const path of [daemon.folder, daemon.state, `${daemon.state}/db`]) chownSync(path, nobody, nobody)
    await expect(daemon.start()).rejects.toThrow(`cannot read \`${file}': permission denied`)
  })
})

describe('temporary roots', () => {
  it('that cannot be read let nothing be collected, and no other daemon’s stay locked', async () => {
    const daemon = await startStore(scratch, 'temproots')
    const client = await daemon.connect()
    const path = await client.addText('text', 'text')
    const [directory, other] = [`${daemon.state}/temproots/99`, `${daemon.state}/temproots/1`]
    mkdirSync(directory)
    const lock = await holdLock(other, 'shared')
    await expect(client.collect(2)).rejects.toThrow(
      `cannot read temporary roots \`${directory}': is a directory`,
    )
    await lock.release()
    expect(isLockFree(other)).toBe(true)
    rmSync(directory, { recursive: true })
    expect((await client.collect(2)).paths).toEqual([path])
  })

  it('that cannot be written', async () => {
    const daemon = await startStore(scratch, 'own')
    const client = await daemon.connect()
    const file = `${daemon.state}/temproots/${daemon.pid}`
    mkdirSync(file)
    const refused = `cannot open temporary roots \`${file}': is a directory`
    await expect(client.addText('text', 'text')).rejects.toThrow(refused)
    const { stdout } = spawnSync('nc', ['-N', '-U', daemon.socket], {
      input: '{"type":"add-text","name":"text","text":"text"}\n',
      encoding: 'utf8',
    })
    expect(JSON.parse(stdout)).toMatchObject({ code: 'STORE_FAILED', message: refused })
  })
})

describe('a file that cannot be read', () => {
  it.each(['roots', 'deaths'])('of %s lets nothing be collected', async (name) => {
    const daemon = await startStore(scratch, name)
    const client = await daemon.connect()
    await client.addText('text', 'text')
    const file = `${daemon.state}/plumbline/${name}`
    putDirectory(file)
    await expect(client.collect(2)).rejects.toThrow(`cannot read \`${file}': is a directory`)
    expect(readdirSync(daemon.store)).toHaveLength(2)
  })

  it('is named where there are no words for it', async () => {
    const daemon = await startStore(scratch, 'any')
    const reserved = `${daemon.state}/db/reserved`
    putDirectory(reserved)
    await expect(daemon.connect()).rejects.toThrow(`Internal error: ${reserved}: is a directory`)
  })
})

describe('an item that cannot be removed', () => {
  it.skipIf(!isRoot)('keeps nothing else from being collected, at the next time either', async () => {
    const daemon = await startStore(scratch, 'busy', { prefix: ['unshare', '--mount'] })
    const items = ['a', 'b', 'c', 'd', 'e']
    let stuck = ''
    for (const time of ['first', 'second']) {
      const [client, collector] = [await daemon.connect(), await daemon.connect()]
      const paths: string[] = []
      for (const item of items) paths.push(await client.addText(item, `${item} ${time}`))
      if (stuck === '') {
        stuck = paths[2] ?? ''
        const mount = ['-t', `${daemon.pid}`, '-m', 'mount', '--bind', '/dev/null', stuck]
        expect(spawnSync('nsenter', mount).status).toBe(0)
      }
      client.close()
      await expect(collector.collect(2)).rejects.toThrow(/busy/)
      expect(collector.log).toContain(`cannot delete \`${stuck}'`)
      expect(readdirSync(daemon.store).toSorted()).toEqual(['.links', stuck.slice(daemon.store.length + 1)])
      collector.close()
    }
  })
})
