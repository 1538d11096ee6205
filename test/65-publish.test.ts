// What `store-cli publish` leaves in a directory, whoever else writes there and however little room there is.
// @needs-root: a place for a store in mounts of its own
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { environment } from './support/shell.ts'
import { Scratch } from './support/scratch.ts'
import { storeCli, type TestStore } from './support/store.ts'
import { etcOf, startOrigin } from './support/substitutes.ts'
import { fileNar } from './support/wire.ts'

const scratch = new Scratch('publish')
const key = etcOf(scratch, 'origin')
let origin: TestStore
let path: string
let line: (directory: string) => string[]

beforeAll(async () => {
  origin = await startOrigin(scratch, key)
  const client = await origin.connect()
  path = await client.addNar('large', fileNar(Buffer.alloc(3_000_000, 'large')))
  client.close()
  const options = [
    '--compression',
    'none',
    '--signing-key',
    `${key}/signing-key.sec`,
    '--socket',
    origin.socket,
  ]
  line = (directory) => [process.execPath, storeCli, 'publish', ...options, directory, path]
})

const filesOf = (folder: string) => (readdirSync(folder, { recursive: true }) as string[]).sort()

describe('publish', () => {
  it('writes through no link, and shares no half file with another run', async () => {
    const [folder, precious] = [scratch.file('shared'), scratch.file('precious')]
    mkdirSync(`${folder}/nar/none`, { recursive: true })
    writeFileSync(precious, 'precious')
    const name = basename(path)
    const places = [`nar/none/${name}`, `${name.slice(0, 32)}.narinfo`, 'nix-cache-info']
    for (const place of places) symlinkSync(precious, `${folder}/${place}.part`)
    const runs = Array.from({ length: 3 }, () => {
      const [command = '', ...args] = line(folder)
      return once(spawn(command, args, { env: environment(), stdio: 'ignore' }), 'exit')
    })
    expect(await Promise.all(runs)).toEqual([0, 0, 0].map((status) => [status, null]))
    expect(readFileSync(precious, 'utf8')).toBe('precious')
    for (const place of places) expect(filesOf(folder)).toContain(place)
    const nar = readFileSync(`${folder}/nar/none/${name}`)
    expect(nar.equals(fileNar(Buffer.alloc(3_000_000, 'large')))).toBe(true)
  })

  it.skipIf(process.getuid?.() !== 0)('says that a disk is full, and leaves nothing of the item', () => {
    const folder = scratch.file('full')
    mkdirSync(folder)
    const script =
      'mount -t tmpfs -o size=1m full "$0"; "$@"; status=$?; cd "$0"; find . -type f >&2; exit $status'
    const args = ['--mount', 'sh', '-c', script, folder]
    const run = spawnSync('unshare', [...args, ...line(folder)], { encoding: 'utf8', env: environment() })
    expect([run.status, run.stdout]).toEqual([1, expect.stringContaining('"code":"CANNOT_CREATE"')])
    expect(run.stderr).toMatch(/no space left on device\n\.\/nix-cache-info\n$/)
  })
})
