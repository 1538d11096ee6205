// A directory is not removed with what is mounted in it.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import { makeFarSides } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

describe.each(makeFarSides())('under $name', (side) => {
  const files = useFiles(side)
  const mounted: string[] = []
  afterEach(() => mounted.splice(0).forEach((path) => spawnSync('umount', [path])))

  test.each(['plain', 'with a blank'])('%s', async (name) => {
    const inner = files.at(`${name}/inner`)
    fs.mkdirSync(inner, { recursive: true })
    // Not every machine lets its root mount.
    if (spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', inner]).status !== 0) return
    mounted.push(inner)
    fs.writeFileSync(`${inner}/kept`, '')
    const step = await files.apply('file.directory-does-not-exist', { path: name })
    expect(step).toMatchObject({ result: 'failed', stderr: expect.stringContaining('is mounted in') })
    expect(fs.existsSync(`${inner}/kept`)).toBe(true)
    spawnSync('umount', [inner])
    expect(await files.twice('file.directory-does-not-exist', { path: name })).toEqual(['changed', 'ok'])
  })
})
