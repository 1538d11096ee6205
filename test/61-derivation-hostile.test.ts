// Derivations that name as an output what is not theirs: another derivation's, or a directory outside the store.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions, type Derivations, type Made } from './support/build.ts'
import { Scratch } from './support/scratch.ts'
import type { TestStore } from './support/store.ts'
import { fileNar, str } from './support/wire.ts'

const scratch = new Scratch('drv')

describe('a derivation whose output is not its own', () => {
  let daemon: TestStore
  let derivations: Derivations
  let evil: Made
  let victim: Made

  beforeAll(async () => {
    ;({ daemon, derivations } = await startBuildDaemon(scratch, 'daemon'))
    evil = await derivations.make('evil', { script: 'echo evil > $out' })
    victim = await derivations.make('victim', { script: 'echo good > $out' })
  })
  const open = async () => {
    const other = await daemon.connect()
    scratch.onEnd(() => other.close())
    await setOptions(other)
    return other
  }
  const claiming = (path: string) => readFileSync(evil.drv, 'utf8').replaceAll(evil.out, path)

  it('is not added as a nar', async () => {
    const other = await open()
    await expect(other.addNar('fake.drv', fileNar(claiming(victim.out)))).rejects.toThrow('incorrect output')
    const outside = scratch.file('outside')
    mkdirSync(outside)
    writeFileSync(`${outside}/file`, 'somebody’s')
    await expect(other.addNar('fake.drv', fileNar(claiming(outside)))).rejects.toThrow('incorrect output')
    expect(existsSync(`${outside}/file`)).toBe(true)
    expect(await other.isValid(victim.out)).toBe(false)
  })

  it('is not added with the right output under the same name after it', async () => {
    const other = await open()
    const twice = readFileSync(evil.drv, 'utf8').replace('Derive([', `Derive([("out","${victim.out}","",""),`)
    await expect(other.addText('evil.drv', twice)).rejects.toThrow('incorrect output')
  })

  it('is not built where it is what another one has made, and the other one is built as it should be', async () => {
    const other = await open()
    const source = await other.addNar('text', fileNar(claiming(victim.out)))
    const maker = await derivations.make('made.drv', {
      script: `while IFS= read -r line; do printf '%s\\n' "$line"; done < ${source} > $out`,
      sources: [source],
    })
    await build(other, maker.drv)
    await expect(build(other, maker.out)).rejects.toThrow('no outputs that are known')
    await build(other, victim.drv)
    expect(readFileSync(victim.out, 'utf8')).toBe('good\n')
  })

  it('is not read where it is a symlink', async () => {
    const other = await open()
    const link = ['nix-archive-1', '(', 'type', 'symlink', 'target', '/dev/zero', ')'].map(str)
    const path = await other.addNar('link.drv', Buffer.concat(link))
    await expect(build(other, path)).rejects.toThrow('no outputs that are known')
  })

  it('is a derivation like any other, added as a nar, when its outputs are its own', async () => {
    const other = await open()
    const path = await other.addNar('evil.drv', fileNar(readFileSync(evil.drv, 'utf8')))
    await build(other, path)
    expect(readFileSync(evil.out, 'utf8')).toBe('evil\n')
  })
})
