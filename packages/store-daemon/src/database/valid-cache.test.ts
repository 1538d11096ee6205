// What is remembered of the database, while another process writes to it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openConnection, type Connection } from './open.ts'
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

const own: [string, (connection: Connection) => void][] = [
  ['nothing', () => undefined],
  ['a commit', (connection) => connection.exec('insert into t values (2)')],
  ['a checkpoint', (connection) => connection.pragma('wal_checkpoint(truncate)')],
]

describe.each(['wal', 'truncate'])('in %s mode, what is remembered', (mode) => {
  it.each(own)('outlives %s of our own, and no write of another process', async (_, act) => {
    const { connection, cache, writeElsewhere } = open(mode)
    for (let time = 0; time < 2; time++) {
      cache.set('a', 1)
      act(connection)
      for (let turn = 0; turn < 3; turn++) {
        await setImmediate()
        expect(cache.get('a')).toBe(1)
      }
      writeElsewhere()
      await setImmediate()
      expect(cache.get('a')).toBeUndefined()
    }
  })
})
