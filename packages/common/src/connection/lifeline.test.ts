// The lifeline by itself, under the shells that it has to run under, ended by what ends it in practice.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { formatBoot } from './boot.ts'
import { formatLifeline } from './lifeline.ts'
import { makeToken } from './token.ts'

const shells: [string, string[]][] = [
  ['dash', []],
  ['bash', ['--posix']],
  ['busybox', ['sh']],
]

describe.each(shells)('the lifeline under %s %j', (shell, before) => {
  const start = (text: string) => {
    const process = spawn(shell, [...before, '-c', text, 'plumbline'], { detached: true })
    onTestFinished(() => void process.kill('SIGKILL'))
    return process
  }
  /** One that obeys, and a shell of its connection that waits in BOOT. */
  const startBoth = async () => {
    const token = makeToken()
    const left = start(formatBoot(token))
    const lifeline = start(formatLifeline(token, { changedUser: false, tellsPlace: false }))
    lifeline.stdin.write(`${token}echo ready\n`)
    for await (const chunk of lifeline.stdout.iterator({ destroyOnReturn: false }))
      if (String(chunk).includes('ready')) break
    return { token, lifeline, left }
  }
  const exit = async (process: ChildProcess) => (await once(process, 'exit')) as unknown[]

  it.each(['the end of its input', 'SIGTERM', 'SIGHUP'] as const)('ends what is left on %s', async (what) => {
    const { lifeline, left } = await startBoth()
    if (what === 'the end of its input') lifeline.stdin.end()
    else lifeline.kill(what)
    expect(await exit(left)).toEqual([null, 'SIGTERM'])
  })

  it('ends no group that a process with its token only has in its name', async () => {
    const { token, lifeline, left } = await startBoth()
    const victim = spawn('cat', [], { detached: true })
    onTestFinished(() => void victim.kill('SIGKILL'))
    const directory = mkdtempSync(join(tmpdir(), 'lifeline-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const name = join(directory, `a b c ${victim.pid} d`)
    symlinkSync('/bin/sh', name)
    const liar = spawn(name, ['-c', 'echo; read -r line', token], { detached: true })
    onTestFinished(() => void liar.kill('SIGKILL'))
    await once(liar.stdout, 'data')
    lifeline.stdin.end()
    await Promise.all([exit(left), exit(liar), once(lifeline.stdout.resume(), 'end')])
    expect(readFileSync(`/proc/${victim.pid}/stat`, 'latin1')).toMatch(/\) [^ZX] /)
  })

  it('is gone before that begins, so that nobody can end it meanwhile, and nothing begins', async () => {
    const { lifeline, left } = await startBoth()
    lifeline.stdin.end()
    const first = await Promise.race([exit(lifeline).then(() => lifeline), exit(left).then(() => left)])
    expect(first === lifeline).toBe(true)
  })
})
