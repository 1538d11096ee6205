// Builds by a real daemon: what its clients are told, and what is in the store afterwards.
import { lstatSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, setOptions } from './support/build.ts'
import { Scratch } from './support/scratch.ts'

const scratch = new Scratch('builds')
const { client, derivations, logs } = await startBuildDaemon(scratch, 'main')
await setOptions(client)

describe('a build', () => {
  it('makes its output valid, and tells of it', async () => {
    const made = await derivations.make('hello', { script: 'echo building; echo hello > $out' })
    client.log = ''
    await build(client, made.drv)
    expect(readFileSync(made.out, 'utf8')).toBe('hello\n')
    expect(await client.isValid(made.out)).toBe(true)
    const [started, output, succeeded] = client.log.split('\n')
    const [, hash = ''] = /\/([0-9a-z]{32})-hello\.drv/.exec(made.drv) ?? []
    const file = `${logs}/drvs/${hash.slice(0, 2)}//${hash.slice(2)}-hello.drv.gz`
    expect(started).toMatch(new RegExp(`^@ build-started ${made.drv} - x86_64-linux ${file} [0-9]+$`))
    expect(output).toBe('building')
    expect(succeeded).toBe(`@ build-succeeded ${made.drv} -`)
    expect(gunzipSync(readFileSync(file)).toString()).toBe('building\n')
    const stat = lstatSync(made.out)
    expect([stat.mode & 0o7777, stat.mtimeMs, stat.uid]).toEqual([0o444, 1000, process.getuid?.()])
  })
})
