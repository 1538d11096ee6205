// What is remembered of the database, while another process writes to it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { openConnection } from './open.ts'
import { validCache } from './valid-cache.ts'

function open(mode: string) {
  const folder = mkdtempSync(join(tmpdir(), 'plumbline-cache-'))
  const file = join(folder, 'db.sqlite')
  const connection = openConnection(file)
  onTestFinished(() => {
    connection.close()
    rmSync(folder, { recursive: true })
  })
  connection.pragma(`journal_mode = ${mode}`)
  connection.exec('create table t (x)')
  const writeElsewhere = () =>
    execFileSync(process.execPath, ['-e', writer, file, new URL('../../dist', import.meta.url).pathname])
  return { connection, cache: validCache(connection), writeElsewhere }
}

const writer = `
  const [, file, dist] = process.argv
  const nativeBinding = dist + '/sqlite-abi' + process.versions.modules + '.node'
  new (require('better-sqlite3'))(file, { nativeBinding }).exec('insert into t values (1)')
`

it.each(['wal', 'truncate'])('is forgotten when another process has written, in %s mode', async (mode) => {
  const { connection, cache, writeElsewhere } = open(mode)
  cache.set('a', 1)
  for (let turn = 0; turn < 3; turn++) {
    expect(cache.get('a')).toBe(1)
    await setImmediate()
  }
  connection.exec('insert into t values (2)')
  expect(cache.get('a')).toBe(1)
  await setImmediate()
  writeElsewhere()
  expect(cache.get('a')).toBeUndefined()
  cache.set('a', 2)
  await setImmediate()
  expect(cache.get('a')).toBe(2)
  await setImmediate()
  connection.pragma('wal_checkpoint(truncate)')
  expect(cache.get('a')).toBe(2)
  await setImmediate()
  writeElsewhere()
  expect(cache.get('a')).toBeUndefined()
})
