// A hundred properties of a usual server against one hand-written script: the same tree, in one run.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { script, site, snapshot } from '../../../bench/w100-site.mjs'
import { openLocal } from '@plumbline/common/connection/open-local'
import { applyHost } from './apply-host.ts'
import { planHost } from './apply-site.ts'
import { loadSite } from './site.ts'

const owner = process.getuid?.() === 0 ? { owner: 'daemon', group: 'daemon' } : {}
test('a hundred properties: all changed, then all ok, and the tree of the script', async () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'propapply-w100-'))
  const [mine, theirs] = [join(root, 'tree'), join(root, 'script')]
  fs.mkdirSync(mine)
  fs.writeFileSync(join(root, 'site.json'), JSON.stringify(site(mine, owner)))
  const { applications, faults } = await loadSite([join(root, 'site.json')], [], false)
  expect(faults).toEqual([])
  const { connection } = openLocal(process.env)
  const run = async () => {
    const counts: Record<string, number> = {}
    await applyHost(connection, planHost('here', applications), {
      host: 'here',
      mode: { check: false, diff: false, failFast: false },
      timeoutMs: 20_000,
      signal: new AbortController().signal,
      emit: async (_, { result }) => void (counts[result] = (counts[result] ?? 0) + 1),
    })
    return counts
  }
  expect(await run()).toEqual({ changed: 100 })
  expect(await run()).toEqual({ ok: 100 })
  await connection.close()
  fs.mkdirSync(theirs)
  expect(spawnSync('sh', ['-c', script(theirs, owner)]).status).toBe(0)
  expect(snapshot(mine)).toBe(snapshot(theirs))
  fs.rmSync(root, { recursive: true })
})
