// A far side, or a container, that means no good: what it gets of the one that enters it.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { findProcesses } from './support/processes.ts'
import { isRoot } from './support/root.ts'
import { makeBusyboxRoot } from './support/rootfs.ts'
import { Scratch } from './support/scratch.ts'
import { exited, recordsOf, shell, startShell, type TestRecord } from './support/shell.ts'

const scratch = new Scratch('agent-hostile')

/** What `connect node` runs in place of a Node. */
function makeNode(name: string, script: string): string {
  const path = scratch.file(name)
  writeFileSync(path, script, { mode: 0o755 })
  return `connect node -n --node ${path}`
}

/** An agent that answers each request with these records. */
function makeAgent(name: string, answers: string): string {
  const place = { type: 'agent', user: 'root', uid: 0, home: '/', node: '20' }
  return makeNode(
    name,
    `#!${process.execPath}
const say = (record) => process.stdout.write(JSON.stringify(record) + '\\n')
say(${JSON.stringify(place)})
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === '') return say({ type: 'alive' })
  const { type, id } = JSON.parse(line)
  if (!/^(run|runlines|facts)$/.test(type)) return
  ${answers}
})`,
  )
}

/** The last answer to one request on the socket of the first connection. */
async function ask(chain: string, request: Record<string, unknown>): Promise<TestRecord> {
  const running = startShell(`exec ${chain}`)
  const [line] = (await once(createInterface({ input: running.stdout as Readable }), 'line')) as [string]
  const client = connect((JSON.parse(line) as { socket: string }).socket)
  client.write(`${JSON.stringify({ ...request, id: '1' })}\n`)
  let last: TestRecord = { type: 'none' }
  for await (const answer of createInterface({ input: client })) {
    if (answer === '') continue
    last = JSON.parse(answer) as TestRecord
    if (!['output', 'line', 'more'].includes(last.type)) break
  }
  client.destroy()
  await exited(running)
  return last
}

describe('a far side', () => {
  it.each([
    ['asks for the agent without end', `#!/bin/sh\nexec yes '{"type":"want"}'\n`],
    ['says no line', '#!/bin/sh\nexec cat /dev/zero\n'],
  ])('that %s is refused', async (name, script) => {
    const { stdout } = await shell(makeNode(name.replaceAll(' ', '-'), script))
    expect(recordsOf(stdout)[0]).toMatchObject({ type: 'error', code: 'PROTOCOL' })
  })

  it.each([
    ['sends more output than it was asked for', { type: 'run', command: 'x', window: 0 }, 'output'],
    ['sends lines without end', { type: 'runlines', command: 'x' }, 'lines'],
    ['ends a command without a status', { type: 'run', command: 'x' }, 'status'],
    ['answers with facts that are none', { type: 'facts', names: ['shell'] }, 'facts'],
  ])('that %s is refused', async (_, request, kind) => {
    const answers = {
      output: `for (let n = 0; n < 100; n++) say({ type: 'output', id, stream: 'stdout', data: 'x'.repeat(60000) })`,
      lines: `for (let n = 0; n < 70; n++) say({ type: 'line', id, line: 'x'.repeat(1000000) })`,
      status: `say({ type: 'exit', id, status: 'none' })`,
      facts: `say({ type: 'facts', id, shell: { no: 1 } })`,
    }
    const chain = makeAgent(`agent-${kind}`, answers[kind as keyof typeof answers])
    expect(await ask(chain, request)).toMatchObject({ type: 'error', code: 'PROTOCOL' })
  })

  it('whose shell prints lines without end is refused', async () => {
    const request = { type: 'runlines', command: 'exec head -c 70000000 /dev/zero' }
    expect(await ask('connect local -n', request)).toMatchObject({ type: 'error', code: 'PROTOCOL' })
  })

  it.skipIf(!isRoot)('that is full keeps no part of the agent', async () => {
    const cache = scratch.file('cache')
    mkdirSync(cache)
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'none', cache])
    scratch.onEnd(() => void execFileSync('umount', [cache]))
    const { stdout } = await shell('connect node -n | connect exec echo on', {
      env: { XDG_CACHE_HOME: cache },
    })
    expect(stdout).toBe('on\n')
    expect(readdirSync(`${cache}/plumbline`)).toEqual([])
  })
})

describe('a container', () => {
  // Its /proc is made of files, so that a program of its own is what is entered with.
  it.skipIf(!isRoot)('finds no way to this machine in the agent that enters it', async () => {
    const box = makeBusyboxRoot(scratch, 'box')
    for (const directory of ['proc/self/fd', 'real']) mkdirSync(`${box}/${directory}`, { recursive: true })
    writeFileSync(`${box}/proc/version`, '')
    const look = `#!/bin/sh
for each in 3 4 5 6 7 8 9; do
  held=/real/self/fd/$each
  [ ! -S $held ] || echo "$each asks the agent beneath" >&2
  [ ! -d $held/. ] || [ $held -ef $held/.. ] || echo "$each leads up" >&2
  if [ -f $held ]; then (: >>$held) 2>&1 | grep -qi 'read-only\\|busy' || echo "$each may be written" >&2; fi
done
echo looked >&2
`
    for (const each of [3, 4, 5, 6]) writeFileSync(`${box}/proc/self/fd/${each}`, look, { mode: 0o755 })
    const inner = 'mount -t proc proc /real; echo ready; exec sleep 100000'
    const container = spawn('unshare', ['-mpf', '--kill-child', `--root=${box}`, '/bin/sh', '-c', inner], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    scratch.onEnd(() => void container.kill('SIGKILL'))
    await once(container.stdout as Readable, 'data')
    const pid = findProcesses(container.pid ?? 0).at(-1)?.pid
    const { stdout } = await shell(`connect node -n | connect setns ${pid}`)
    expect(recordsOf(stdout)[0]?.['message']).toBe(`Cannot enter setns:${pid}: looked`)
  })
})
