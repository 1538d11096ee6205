// What somebody who may write in a directory puts in the place of a file while it is made there. Each program that
// could be fooled is replaced by one that first does what they would do at that moment.
import * as fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { useFiles } from '../properties/file/use-files.testing.ts'
import { makeCall, makeFarSides, runCalls } from './far-side.testing.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot).each(makeFarSides())('under $name', (side) => {
  const files = useFiles(side)

  /** Before `program` runs, what is named .propapply-* in the directory, or `name`, gives way to a link. */
  function swapAt(program: string, target: string, name = '.propapply-*') {
    const bin = files.at('bin')
    fs.mkdirSync(bin, { recursive: true })
    const there = side.path.split(':').map((each) => join(each, program))
    const real = there.find((each) => fs.existsSync(each)) ?? program
    const swap = `for f in ${files.path}/${name}; do [ -e "$f" ] && mv "$f" ${files.at('aside')} && ln -s ${target} "$f"; done`
    const line = `#!/bin/sh\nPATH=/usr/bin:/bin; ${swap}\nexec ${real} "$@"\n`
    fs.writeFileSync(join(bin, program), line, { mode: 0o755 })
    return { PATH: `${bin}:${side.path}` }
  }

  function makeVictim() {
    fs.writeFileSync(files.at('victim'), 'secret', { mode: 0o600 })
    return files.at('victim')
  }

  function checkVictim() {
    const { mode, uid } = fs.statSync(files.at('victim'))
    expect([(mode & 0o777).toString(8), uid]).toEqual(['600', 0])
    expect(fs.readFileSync(files.at('victim'), 'utf8')).toBe('secret')
    fs.rmSync(files.at('aside'), { recursive: true, force: true })
  }

  test.each(['chown', 'chmod'])('a link in place of a temporary file, at %s', async (program) => {
    const env = swapAt(program, makeVictim())
    await files.apply('file.has-content', { path: 'f', content: 'a', mode: '0644', owner: '1' }, { env })
    checkVictim()
  })

  test('a link in place of a directory that has just been made', async () => {
    const env = swapAt('chown', makeVictim(), 'd')
    await files.apply('file.directory-exists', { path: 'd', owner: '1' }, { env })
    checkVictim()
  })

  test('a link in place of the directory in which new files are made', async () => {
    fs.mkdirSync(files.at('etc'))
    fs.writeFileSync(files.at('etc/a'), 'theirs')
    const mkdir = swapAt('mkdir', files.at('etc'))
    const line = fs.readFileSync(files.at('bin/mkdir'), 'utf8').split('\n')
    // This one comes after mkdir has done its work.
    const [head = '', swap = '', run = ''] = line
    fs.writeFileSync(files.at('bin/mkdir'), [head, run.replace('exec ', ''), swap, ''].join('\n'))
    const made = (name: string) => makeCall('file.has-content', { path: files.at(name), content: 'ours' })
    runCalls(side, [await made('a'), await made('b')], { env: mkdir })
    expect(fs.readdirSync(files.at('etc'))).toEqual(['a'])
    expect(fs.readFileSync(files.at('etc/a'), 'utf8')).toBe('theirs')
  })

  test('a link of theirs to what is not theirs is not followed for mode and owner', async () => {
    fs.symlinkSync(makeVictim(), files.at('l'))
    fs.lchownSync(files.at('l'), 1, 1)
    const there = [
      { property: 'file.has-content', fields: { content: 'secret', owner: '1' } },
      { property: 'file.has-mode', fields: { mode: '0666' } },
    ]
    for (const { property, fields } of there) {
      const step = await files.apply(property, { path: 'l', ...fields })
      expect(step).toMatchObject({
        result: 'failed',
        stderr: expect.stringContaining('is a link of somebody'),
      })
    }
    checkVictim()
    fs.lchownSync(files.at('l'), 0, 0)
    expect(await files.twice('file.has-mode', { path: 'l', mode: '0640' })).toEqual(['changed', 'ok'])
  })
})
