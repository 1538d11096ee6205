import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { formatBoot, formatRun } from './boot.ts'
import type { RunRequest } from './connection.ts'
import { formatLifeline } from './lifeline.ts'

const token = 'plumbline-0123456789abcdef'
const shells: [string, string[]][] = [
  ['dash', []],
  ['bash', ['--posix']],
  ['bash', []],
  ['busybox', ['sh']],
]

describe.each(shells)('BOOT under %s %j', (shell, before) => {
  const boot = (input: Buffer | string) => {
    const result = spawnSync(shell, [...before, '-c', formatBoot(token), 'plumbline'], { input })
    return { ...result, out: result.stdout.toString('latin1'), err: result.stderr.toString() }
  }
  const run = (request: RunRequest, input: Buffer | string = '') =>
    boot(Buffer.concat([formatRun(token, request), Buffer.from(input)]))

  it('ends with 125 when nothing for it comes', () => {
    expect(boot('password\n').status).toBe(125)
  })

  it('runs nothing for a lifeline that has gone', () => {
    const command = 'echo ran'
    const gone = spawnSync('true').pid
    expect(boot(formatRun(token, { command }, { lifeline: gone }))).toMatchObject({ status: 125, out: '' })
    expect(boot(formatRun(token, { command }, { lifeline: process.pid })).out).toMatch(/\nran\n$/)
  })

  it('runs nothing for a lifeline that only waits to be reaped', async () => {
    const parent = spawn('sh', ['-c', 'exec 3<&0; cat <&3 & echo $!; exec sleep 1000'])
    const [output] = (await once(parent.stdout, 'data')) as [Buffer]
    const pid = Number(output)
    // A shell would reap it.
    await until(parent.pid, /\(sleep\)/)
    parent.stdin.end()
    await until(pid, / Z /)
    expect(boot(formatRun(token, { command: 'echo ran' }, { lifeline: pid }))).toMatchObject({
      status: 125,
      out: '',
    })
    parent.kill()
  })

  it('skips lines without its token, and never runs them', () => {
    const { out, status } = boot(
      Buffer.concat([Buffer.from('echo no\n$(echo no)\n'), formatRun(token, { command: 'exit 4' })]),
    )
    expect(out).not.toContain('no')
    expect(status).toBe(4)
  })

  it('answers with the header, then the command is alone', () => {
    const { out, err, status } = run({ command: 'cat; echo err >&2; exit 7' }, Buffer.from([0, 255, 10, 13]))
    expect(out).toMatch(new RegExp(`^\n${token} \\d+ \\d+\n\u0000\u00ff\n\r$`))
    expect(err).toBe(`\n${token}\nerr\n`)
    expect(status).toBe(7)
  })

  it.each([
    ['quotes and newlines', `printf '%s' 'a'"'"'b\n"c" $d \\n\`e\`'`, `a'b\n"c" $d \\n\`e\``],
    ['more than a line holds', `v='${'x'.repeat(5000)}'\nprintf %s "\${#v}"; cat`, '5000input'],
  ])('runs %s', (_, command, expected) => {
    expect(run({ command }, 'input').out.split('\n').slice(2).join('\n')).toBe(expected)
  })

  it('does not run a long command that was cut off', () => {
    const whole = formatRun(token, { command: `echo ran; : ${'x'.repeat(5000)}` })
    const { out, status } = boot(whole.subarray(0, -10))
    expect([out.includes('ran'), status]).toEqual([false, 125])
  })

  it('sets, unsets and goes where it is told, or not at all', () => {
    const env = { A: "it's\ntwo", B: null }
    expect(run({ command: 'printf %s "$A|${B-unset}|$PWD"', env, cwd: '/' }).out).toContain(
      "it's\ntwo|unset|/",
    )
    expect(run({ command: 'echo ran', cwd: '/no-such' })).toMatchObject({ status: 126 })
  })

  it('has a lifeline that does only what bears its token', () => {
    const text = formatLifeline(token, { changedUser: false, tellsPlace: true })
    const input = `touch /tmp/${token}-evil\n${token}echo done\n`
    const { stdout, status } = spawnSync(shell, [...before, '-c', text, 'plumbline'], { input })
    expect(stdout.toString()).toMatch(/\n\/.*\n\ndone\n/)
    expect(status).toBe(0)
    expect(spawnSync('test', ['-e', `/tmp/${token}-evil`]).status).toBe(1)
  })
})

it('formatRun() refuses a name that is none', () => {
  expect(() => formatRun(token, { command: '', env: { 'A;x': '1' } })).toThrow(/cannot be the name/)
})

async function until(pid: number | undefined, state: RegExp): Promise<void> {
  while (!state.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) await setImmediate()
}
