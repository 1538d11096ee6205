// Roots on a file system that is out of reach: what they led to when they were last seen stays, and so do they; nobody
// else's collection fails for it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, symlinkSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { startStore, TestStore } from './support/store.ts'
import { str } from './support/wire.ts'

const scratch = new Scratch('store-roots')
/** In a mount namespace: a file system at $1 of user $2, whose server does not answer; and is gone, for $3. */
const mount = `exec 9<>/dev/fuse &&
  mount -i -t fuse -o fd=9,rootmode=40000,user_id=$2,group_id=0 test "$1" || exit
  if [ "$3" = gone ]; then exec 9>&-; fi
  shift 3; exec "$@"`
const prefix = (...args: string[]) => ['unshare', '--mount', 'sh', '-c', mount, 'sh', ...args]
const [command, ...probe] = prefix(scratch.path, '0', 'gone', 'true')
const canMount = spawnSync(command ?? '', probe).status === 0

describe.skipIf(!canMount)('roots on a file system that is out of reach', () => {
  it.each([
    ['whose server is gone', '0', 'gone'],
    ["that is another user's", '65534', 'there'],
  ])('%s stay', async (_, user, server) => {
    const name = `${user}-${server}`
    const before = new TestStore(scratch, name)
    const [home, profiles] = [`${before.folder}/home`, `${before.state}/profiles/per-user/somebody`]
    for (const folder of [home, profiles]) mkdirSync(folder, { recursive: true })
    await before.start()
    const client = await before.connect()
    const kept = await client.addText('kept', 'kept')
    symlinkSync(kept, `${home}/root`)
    await client.call(12, str(`${home}/root`))
    await client.int()
    const profile = await client.addText('profile', 'profile')
    symlinkSync(profile, `${profiles}/profile`)
    const garbage = await client.addText('garbage', 'garbage')
    await client.collect(0)
    client.close()
    await before.stop()

    for (const place of [home, profiles]) {
      const daemon = new TestStore(scratch, name, { prefix: prefix(place, user, server) })
      await daemon.start()
      const other = await daemon.connect()
      await other.collect(2)
      for (const path of [kept, profile]) expect([path, await other.isValid(path)]).toEqual([path, true])
      expect(await other.isValid(garbage)).toBe(false)
      other.close()
      await daemon.stop()
    }
    expect(readdirSync(`${before.state}/gcroots/auto`)).toHaveLength(1)
  })
})

it.skipIf(!canMount)(
  'roots on a file system whose server does not answer hold nobody up, and stay',
  async () => {
    const before = new TestStore(scratch, 'hung')
    const home = `${before.folder}/home`
    mkdirSync(home, { recursive: true })
    await before.start()
    const client = await before.connect()
    const kept = await client.addText('kept', 'kept')
    for (const name of ['root', 'other']) {
      symlinkSync(kept, `${home}/${name}`)
      await client.call(12, str(`${home}/${name}`))
      await client.int()
    }
    const garbage = await client.addText('garbage', 'garbage')
    await client.collect(0)
    client.close()
    await before.stop()

    const daemon = new TestStore(scratch, 'hung', { prefix: prefix(home, '0', 'there') })
    await daemon.start()
    for (const action of [1, 2]) {
      const other = await daemon.connect()
      await other.collect(action)
      expect([await other.isValid(kept), await other.isValid(garbage)]).toEqual([true, action === 1])
      other.close()
    }
    expect(readdirSync(`${daemon.state}/gcroots/auto`)).toHaveLength(2)
    expect(await daemon.stop()).toBe('SIGTERM')
  },
)

const image = scratch.file('image')
const makeImage = `truncate -s 16M "$0" && mkfs.ext2 -q -O ^filetype "$0"`
const mountImage = 'mount -o loop "$1" "$2" || exit; shift 2; exec "$@"'
const onImage = (place: string) => ['unshare', '--mount', 'sh', '-c', mountImage, 'sh', image, place]
const canMountImage =
  spawnSync('sh', ['-c', makeImage, image], { stdio: 'ignore' }).status === 0 &&
  spawnSync('unshare', [...onImage(scratch.path).slice(1), 'true'], { stdio: 'ignore' }).status === 0

describe.skipIf(!canMountImage)('roots on a file system that does not say what a name is', () => {
  it('stay, whatever their names', async () => {
    const roots = scratch.file('untyped/state/gcroots')
    mkdirSync(roots, { recursive: true })
    const daemon = new TestStore(scratch, 'untyped', { prefix: onImage(roots) })
    await daemon.start()
    const client = await daemon.connect()
    const kept: string[] = []
    for (const name of ['plain', 'größe', 'indirect']) kept.push(await client.addText('kept', name))
    const [plain = '', umlaut = '', indirect = ''] = kept
    const there = `/proc/${daemon.pid}/root${roots}`
    symlinkSync(plain, `${there}/plain`)
    symlinkSync(umlaut, `${there}/größe`)
    symlinkSync(indirect, `${daemon.folder}/link`)
    await client.call(12, str(`${daemon.folder}/link`))
    await client.int()
    const garbage = await client.addText('garbage', 'garbage')
    expect((await client.collect(2)).paths).toEqual([garbage])
    client.close()
    await daemon.stop()
  })
})

describe('the places of all roots', () => {
  it.each(['gcroots', 'profiles'])(
    '%s: keep what they keep behind a link, and all when they are gone',
    async (name) => {
      const daemon = await startStore(scratch, `place-${name}`)
      const client = await daemon.connect()
      const [place, elsewhere] = [`${daemon.state}/${name}`, `${daemon.folder}/elsewhere`]
      const kept = await client.addText('kept', 'kept')
      symlinkSync(kept, `${place}/kept`)
      renameSync(place, elsewhere)
      const garbage = await client.addText('garbage', 'garbage')
      const absent = `${place}: no such file or directory`
      await expect(client.collect(2)).rejects.toThrow(absent)
      await client
        .call(12, str(`${daemon.folder}/link`))
        .then(() => client.int())
        .catch(() => undefined)
      await expect(client.collect(2)).rejects.toThrow(absent)
      symlinkSync(elsewhere, place)
      expect((await client.collect(2)).paths).toEqual([garbage])
      client.close()
    },
  )
})
