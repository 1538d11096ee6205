// A hundred properties of a usual server against one hand-written script: the same tree, in one run.
import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openLocal } from '@plumbline/common/connection/open-local'
import { applyHost } from './apply-host.ts'
import { planHost } from './apply-site.ts'
import { loadSite } from './site.ts'

const owner = process.getuid?.() === 0 ? { owner: 'daemon', group: 'daemon' } : {}
const owned = 'owner' in owner
const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const body = (index: number) => `# file ${index}\nkey = 'value $${index}'\n${'more text\n'.repeat(index)}`

/** 15 directories with mode and owner, 60 files, 10 lines, 10 commands with creates, 5 links. */
const site = (root: string) => [
  ...range(15).map((i) => ({
    property: 'file.directory-exists',
    path: `${root}/d${i}`,
    mode: '0750',
    ...owner,
  })),
  ...range(60).map((i) => ({
    property: 'file.has-content',
    path: `${root}/d${i % 15}/f${i}`,
    content: body(i),
    ...(i % 2 === 0 && { mode: '0640' }),
  })),
  ...range(10).map((i) => ({
    property: 'file.contains-lines',
    path: `${root}/d0/lines`,
    lines: [`line ${i}`],
  })),
  ...range(10).map((i) => ({
    property: 'cmd.single',
    command: `echo ${i} >${root}/d1/made${i}`,
    creates: `${root}/d1/made${i}`,
  })),
  ...range(5).map((i) => ({ property: 'file.symlinked', path: `${root}/d2/l${i}`, target: `../d3/f${i}` })),
]

const script = (root: string) =>
  [
    'set -e; umask 022',
    ...range(15).map(
      (i) =>
        `mkdir -p ${root}/d${i}; chmod 750 ${root}/d${i}${owned ? `; chown daemon:daemon ${root}/d${i}` : ''}`,
    ),
    ...range(60).map((i) => {
      const path = `${root}/d${i % 15}/f${i}`
      return `cat >${path} <<'EOT'\n${body(i)}EOT\n${i % 2 === 0 ? `chmod 640 ${path}` : ''}`
    }),
    ...range(10).map(
      (i) => `grep -qxF 'line ${i}' ${root}/d0/lines 2>/dev/null || echo 'line ${i}' >>${root}/d0/lines`,
    ),
    ...range(10).map((i) => `[ -e ${root}/d1/made${i} ] || echo ${i} >${root}/d1/made${i}`),
    ...range(5).map((i) => `ln -sfn ../d3/f${i} ${root}/d2/l${i}`),
  ].join('\n')

/** Names, types, modes, owners, link targets and contents. */
const snapshot = (root: string) =>
  execFileSync(
    'sh',
    ['-c', 'find . -printf "%P %y %m %u %g %l\\n" | sort; find . -type f -exec sha256sum {} + | sort'],
    {
      cwd: root,
    },
  ).toString()

test('a hundred properties: all changed, then all ok, and the tree of the script', async () => {
  const root = fs.mkdtempSync(join(tmpdir(), 'propapply-w100-'))
  const [mine, theirs] = [join(root, 'tree'), join(root, 'script')]
  fs.mkdirSync(mine)
  fs.writeFileSync(join(root, 'site.json'), JSON.stringify(site(mine)))
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
  expect(spawnSync('sh', ['-c', script(theirs)]).status).toBe(0)
  expect(snapshot(mine)).toBe(snapshot(theirs))
  fs.rmSync(root, { recursive: true })
})
