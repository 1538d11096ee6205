import {
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { giveTree } from './give-tree.ts'

const place = mkdtempSync(join(tmpdir(), 'plumbline-give-'))
afterAll(() => rmSync(place, { recursive: true }))

describe.skipIf(process.getuid?.() !== 0)('what a failed build has left', () => {
  it('is given to who asked for it, and nothing that the builder only linked to', () => {
    const [builder, user] = [54_321, 54_322]
    const top = `${place}/top`
    mkdirSync(`${top}/folder`, { recursive: true })
    mkdirSync(`${place}/outside`)
    writeFileSync(`${place}/outside/file`, '')
    writeFileSync(`${top}/folder/own`, '')
    linkSync(`${place}/outside/file`, `${top}/folder/another's`)
    symlinkSync(`${place}/outside`, `${top}/link`)
    for (const path of [top, `${top}/folder`, `${top}/folder/own`]) chownSync(path, builder, builder)
    giveTree(top, { uid: user, gid: user })
    const owner = (name: string) => lstatSync(`${place}/${name}`).uid
    expect(['top', 'top/folder', 'top/folder/own'].map(owner)).toEqual([user, user, user])
    expect(['outside', 'outside/file', 'top/link'].map(owner)).toEqual([0, 0, 0])
  })
})
