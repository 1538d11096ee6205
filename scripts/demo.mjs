// `npm run demo`: the main job on this machine, without root, in a scratch folder: configure it twice and show what
// changed. The folder stays, to be looked at; a later demo finds it as it should be.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildPrograms, environment, installDependencies, root } from './prepare.mjs'

installDependencies()
buildPrograms('connect', 'propapply')

const folder = join(root, '.cache/demo')
const site = join(folder, 'site.ndjson')
const target = join(folder, 'etc')
mkdirSync(folder, { recursive: true })
writeFileSync(
  site,
  [
    { property: 'file.directory-exists', path: target, mode: '0755' },
    { property: 'file.has-content', path: `${target}/motd`, content: 'Welcome\n', mode: '0644' },
    {
      property: 'file.contains-conf-space',
      path: `${target}/sshd_config`,
      settings: { PermitRootLogin: 'no' },
    },
    { property: 'file.contains-lines', path: `${target}/hosts`, lines: ['127.0.0.1 localhost'] },
    { property: 'file.symlinked', path: `${target}/issue`, target: 'motd' },
    { property: 'cmd.single', command: 'date >installed', cwd: target, creates: `${target}/installed` },
  ]
    .map((property) => `${JSON.stringify(property)}\n`)
    .join(''),
)

const command = 'connect local -n | propapply site.ndjson'
for (const round of ['First run', 'Second run']) {
  console.log(`\n${round}, in ${folder}: ${command}\n`)
  const { stdout, stderr, status } = spawnSync('/bin/sh', ['-c', command], {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
  })
  process.stderr.write(stderr)
  const records = stdout.split('\n').flatMap((line) => (line ? [JSON.parse(line)] : []))
  for (const { type, result, desc } of records)
    if (type === 'property') console.log(`  ${result.padEnd(8)} ${desc}`)
  const end = records.find(({ type }) => type === 'end')
  console.log(`  ${end?.counts.changed === 0 ? 'nothing changed' : `${end?.counts.changed} changed`}`)
  if (status !== 0 || !end?.ok) process.exit(status || 1)
}
console.log(`\nWhat it made: ${target}; ${target}/sshd_config is:\n`)
console.log(readFileSync(`${target}/sshd_config`, 'utf8').replace(/^/gm, '  '))
console.log(`Try: PATH=$PWD/node_modules/.bin:$PATH; propapply --list; connect --help`)
