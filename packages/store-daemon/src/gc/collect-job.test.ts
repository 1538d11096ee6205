import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { openDatabase } from '../database/schema.ts'
import { collect } from './collect-job.ts'

it('fails where there is no store, however long the graph takes to read', async () => {
  const state = mkdtempSync(join(tmpdir(), 'plumbline-collect-'))
  onTestFinished(() => rmSync(state, { recursive: true }))
  const store = join(state, 'store')
  const connection = openDatabase(state)
  // So many that reading them gives way to other work in between, and what fails meanwhile is told.
  connection.exec(`
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 50000)
    insert into ValidPaths (path, hash, registrationTime) select '${store}/' || i, '', 0 from n`)
  connection.close()
  const args = { store, state, database: state, action: 'dead', paths: [], tempRoots: [], hung: [] } as const
  const settings = { keepDerivations: true, keepOutputs: true }
  const port = { send: () => undefined, onMessage: () => undefined, onStop: () => undefined, stopped: false }
  const job = collect({ ...args, settings, deduplicate: false, keepDeadMs: 0, now: 0 }, port)
  await expect(job).rejects.toThrow('ENOENT')
})
