// What somebody who may write in a directory puts in the place of the temporary file, while writefile fills it there.
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { formatKeep } from './file-commands.ts'
import { openLocal } from './open-local.ts'

let directory: string
const at = (name: string) => join(directory, name)

beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'swapped-'))
  fs.mkdirSync(at('bin'))
  fs.mkdirSync(at('d'))
  fs.writeFileSync(at('victim'), 'secret', { mode: 0o600 })
})
afterEach(() => fs.rmSync(directory, { recursive: true }))

/** Before `program` runs, they act. */
function swapAt(program: string) {
  const [real] = execFileSync('which', [program]).toString().split('\n')
  const swap = `for f in ${at('d')}/.plumbline-*; do [ -f "$f" ] && mv "$f" ${at('aside')} && ln -s ${at('victim')} "$f"; done`
  fs.writeFileSync(at(`bin/${program}`), `#!/bin/sh\n${swap}\nexec ${real} "$@"\n`, { mode: 0o755 })
}

function checkVictim() {
  const { mode, uid } = fs.statSync(at('victim'))
  expect([(mode & 0o777).toString(8), uid]).toEqual(['600', process.getuid?.()])
  expect(fs.readFileSync(at('victim'), 'utf8')).toBe('secret')
}

it.each([
  ['chown', undefined],
  ['chmod', undefined],
  ['chmod', '0644'],
])('a link that is there at %s, mode %s, leads nobody astray', async (program, mode) => {
  fs.writeFileSync(at('d/f'), 'old', { mode: 0o644 })
  if (process.getuid?.() === 0) fs.chownSync(at('d/f'), 1, 1)
  swapAt(program)
  const { connection } = openLocal({ ...process.env, PATH: `${at('bin')}:${process.env['PATH']}` })
  async function* content() {
    yield Buffer.from('new')
  }
  const options = { bytes: 3, ...(mode !== undefined && { mode }) }
  await connection.writefile(at('d/f'), content(), options).finally(() => connection.close())
  checkVictim()
})

it('a file that is not the one made is not given the access of another', () => {
  fs.writeFileSync(at('d/f'), 'old', { mode: 0o644 })
  fs.writeFileSync(at('d/part'), 'new', { mode: 0o600 })
  const inode = fs.statSync(at('d/part'), { bigint: true }).ino
  const command = formatKeep(at('d/f'), at('d/part'), inode)
  expect(spawnSync('sh', ['-c', command]).status).toBe(0)
  expect((fs.statSync(at('d/part')).mode & 0o777).toString(8)).toBe('644')
  fs.renameSync(at('d/part'), at('aside'))
  fs.symlinkSync(at('victim'), at('d/part'))
  expect(spawnSync('sh', ['-c', command]).status).not.toBe(0)
  checkVictim()
})
