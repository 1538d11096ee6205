// --schema tells the truth: what every program writes in small jobs, those that fail among them, fits the JSON
// Schemas that it prints; so do the records of the documents that it reads.
import { mkdirSync, writeFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import { beforeAll, expect, test } from 'vitest'
import { TestService } from './support/daemonize.ts'
import { Scratch } from './support/scratch.ts'
import { recordsOf, shell, type TestRecord } from './support/shell.ts'
import { TestStore } from './support/store.ts'

const scratch = new Scratch('schemas')
const store = new TestStore(scratch, 'daemon')
const service = new TestService(scratch, { command: ['/bin/sleep', '1000'], ready: { delay: 0 } })
const env = { XDG_RUNTIME_DIR: scratch.file('runtime'), GUIX_DAEMON_SOCKET: store.socket }
const run = (script: string) => shell(script, { cwd: scratch.path, env })

beforeAll(async () => {
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 })
  await store.start()
  const write = (name: string, records: readonly object[]) =>
    writeFileSync(scratch.file(name), records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  write('site.ndjson', [
    { property: 'file.has-content', path: scratch.file('made'), content: 'hi\n', mode: '0600' },
    { property: 'cmd.single', command: 'false', desc: 'a command that fails' },
    {
      property: 'file.contains-conf-equals',
      path: scratch.file('made'),
      settings: { a: 'b' },
      timeout: '5s',
    },
  ])
  write('requests', [
    { type: 'run', id: '1', command: String.raw`echo out; printf '\377' >&2; exit 3` },
    { type: 'runlines', id: '2', command: 'echo a; echo b' },
    { type: 'readfile', id: '3', path: '/nowhere' },
    { type: 'writefile', id: '4', path: scratch.file('written'), input: 'hi', mode: '0600' },
  ])
  write('questions', [
    { type: 'ping', id: '1' },
    { type: 'add-text', name: 'hello', text: 'hello' },
    { type: 'valid-paths' },
    { type: 'roots' },
    { type: 'path-info', path: '/nowhere' },
    { type: 'gc', action: 'dead' },
    { type: 'verify', contents: true },
  ])
})

type Schemas = Record<'reads' | 'writes', ReadonlyMap<string, ValidateFunction>>

async function readSchemas(program: string): Promise<Schemas> {
  const ajv = new Ajv({ allErrors: true })
  const all = recordsOf((await run(`${program} --schema`)).stdout)
  const of = (direction: string) =>
    new Map(
      all
        .filter((record) => record['direction'] === direction)
        .map(({ name, schema }) => [String(name), ajv.compile(schema as object)]),
    )
  expect(all.map(({ type, schema }) => ({ type, valid: ajv.validateSchema(schema as object) }))).toEqual(
    all.map(() => ({ type: 'schema', valid: true })),
  )
  return { reads: of('reads'), writes: of('writes') }
}

/** Faults of the records by the schema of their type, or the one named. */
function faultsOf(
  schemas: ReadonlyMap<string, ValidateFunction>,
  records: readonly TestRecord[],
  name?: string,
) {
  return records.flatMap((record): unknown[] => {
    const check = schemas.get(name ?? record.type)
    if (!check) return [{ record, faults: 'no schema' }]
    return check(record) ? [] : [{ record, faults: check.errors }]
  })
}

const jobs: Readonly<Record<string, readonly string[]>> = {
  connect: [
    'connect local -n --linger 1ms',
    String.raw`connect exec -n --records -- sh -c "echo out; printf '\377' >&2; exit 3"`,
    'connect put -n site.ndjson put',
    'connect get -n --to got /etc/hosts',
    'connect ssh -n -F /dev/null nowhere.invalid',
  ],
  propapply: [
    'propapply -n --diff site.ndjson',
    'propapply -n --check --fail-fast site.ndjson',
    'connect ssh -n -F /dev/null nowhere.invalid | propapply site.ndjson',
    'propapply --list',
  ],
  daemonize: [
    ...['check', 'status', 'start', 'status', 'stop'].map(
      (command) => `daemonize ${service.conf} ${command}`,
    ),
    'daemonize /nowhere.json status',
  ],
  'store-cli': [
    'store-cli ping',
    'store-cli add site.ndjson',
    `store-cli add-root "$PWD/root" "$(store-cli add site.ndjson | jq -r 'select(.path).path')"`,
    'store-cli add-text hello <site.ndjson',
    'store-cli gc --live',
    'store-cli gc --dead | store-cli path-info',
    'store-cli valid /nowhere',
    'store-cli roots',
    'store-cli verify --contents',
    'store-cli gc',
  ],
  'store-daemon': [`store-daemon --store ${store.store} --state ${store.state} --stdio <questions`],
}

test.each(Object.entries(jobs))('%s writes what its schemas say', async (program, scripts) => {
  const { writes } = await readSchemas(program)
  const seen = new Set<string>()
  for (const script of scripts) {
    const records = recordsOf((await run(script)).stdout)
    expect({ script, some: records.length > 0 }).toEqual({ script, some: true })
    for (const { type } of records) seen.add(type)
    expect({ script, faults: faultsOf(writes, records) }).toEqual({ script, faults: [] })
  }
  expect([...seen]).toContain('error')
})

test('the socket of a connection takes and gives what the schemas of connect say', async () => {
  const { reads, writes } = await readSchemas('connect')
  const exchange = `{ read -r record; nc -NU "$(jq -r .socket <<<"$record")" <requests; }`
  const answers = recordsOf((await run(`connect local -n | ${exchange}`)).stdout)
  expect([...new Set(answers.map(({ type }) => type))].sort()).toEqual([
    'done',
    'error',
    'exit',
    'line',
    'output',
  ])
  expect(faultsOf(writes, answers, 'answer')).toEqual([])
  const requests = recordsOf((await run('cat requests')).stdout)
  expect(faultsOf(reads, requests, 'request')).toEqual([])
  expect(faultsOf(reads, [{ type: 'run' }, { type: 'evaluate', id: '1' }], 'request')).toHaveLength(2)
})

test('what programs read has schemas too, and they refuse what is wrong', async () => {
  const propapply = (await readSchemas('propapply')).reads
  const site = recordsOf((await run('cat site.ndjson')).stdout)
  for (const record of site) expect(faultsOf(propapply, [record], String(record['property']))).toEqual([])
  const numeric = { type: 'property', property: 'file.has-mode', path: '/x', mode: 420 }
  expect(faultsOf(propapply, [numeric], 'file.has-mode')).toHaveLength(1)
  const daemon = (await readSchemas('store-daemon')).reads
  expect(faultsOf(daemon, recordsOf((await run('cat questions')).stdout))).toEqual([])
})
