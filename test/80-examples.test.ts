// Every console block of README.md and of the packages' manuals is run, and writes what the document says; the
// notation is told in support/transcript.ts. web1 and web2 are two sshds of this machine with a /srv of their own.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { getuid } from 'node:process'
import { beforeAll, describe, expect, test } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { root, shell } from './support/shell.ts'
import { startSshd } from './support/sshd.ts'
import { matches, parseTranscript, type Transcript } from './support/transcript.ts'

const scratch = new Scratch('examples')
const documents = [
  'README.md',
  ...readdirSync(`${root}/packages`).map((name) => `packages/${name}/README.md`),
]
  .filter((path) => existsSync(`${root}/${path}`))
  .map((path) => ({ path, ...parseTranscript(readFileSync(`${root}/${path}`, 'utf8')) }))
  .filter(({ steps }) => steps.length > 0)

// What makes mounts and an sshd needs root.
const isRoot = getuid?.() === 0

beforeAll(async () => {
  if (!isRoot) return
  const own = ['sh', '-c', 'mount -t tmpfs tmpfs /srv && exec "$@"', 'sh']
  const configs = await Promise.all(
    ['web1', 'web2'].map(async (host) => {
      const sshd = await startSshd(scratch, [], own)
      sshd.addHost(host)
      return readFileSync(sshd.config, 'utf8')
    }),
  )
  writeFileSync(scratch.file('ssh_config'), configs.join('\n'))
  mkdirSync(scratch.file('bin'))
  // ssh asks the password file, not HOME, where a user's settings are.
  writeFileSync(
    scratch.file('bin/ssh'),
    `#!/bin/sh\nexec /usr/bin/ssh -F ${scratch.file('ssh_config')} "$@"\n`,
  )
  chmodSync(scratch.file('bin/ssh'), 0o755)
})

const mark = '\u001e'

/** What each command writes, all of them in one shell. */
async function perform({ files, steps }: Transcript, folder: string): Promise<string[]> {
  const runtime = `${folder}.run`
  mkdirSync(folder)
  mkdirSync(runtime, { mode: 0o700 })
  for (const [name, content] of Object.entries(files)) writeFileSync(`${folder}/${name}`, content)
  const commands = steps.map(({ command }) => `printf '${mark}'\n${command}\n`)
  const { PATH = '' } = process.env
  const path = [scratch.file('bin'), `${root}/node_modules/.bin`, PATH].join(':')
  const { stdout } = await shell(['exec 2>&1', ...commands].join('\n'), {
    cwd: folder,
    env: { PATH: path, XDG_RUNTIME_DIR: runtime },
  })
  // What a shell says of a job that was ended is not what the example is about.
  const isOfJob = (line: string) => /^(bash|environment): line \d+: +\d+ (Terminated|Killed) /.test(line)
  const spoken = stdout.split('\n').filter((line) => !isOfJob(line))
  return spoken.join('\n').split(mark).slice(1)
}

describe.skipIf(!isRoot)('an example', () => {
  test.each(documents)('of $path', async ({ path, ...transcript }) => {
    const outputs = await perform(transcript, scratch.file(path.replaceAll('/', '-')))
    const seen = transcript.steps.map(({ line, command, expected }, index) => {
      const output = outputs[index] ?? 'the shell had ended\n'
      return { line, command, output: matches(expected, output) ? expected : output }
    })
    expect(seen).toEqual(
      transcript.steps.map(({ line, command, expected }) => ({ line, command, output: expected })),
    )
  })
})

test('the notation: … is any text, and alone on a line any lines', () => {
  expect(matches('a…c\n', 'abc\n')).toBe(true)
  expect(matches('a…c\n', 'ab\nc\n')).toBe(false)
  expect(matches('a\n…\nb\n', 'a\n1\n2\nb\n')).toBe(true)
  expect(matches('…\nb\n', 'b\n')).toBe(true)
  expect(matches('(a|b).\n', 'ax\n')).toBe(false)
  expect(matches('', 'a\n')).toBe(false)
})

test('the notation: files, commands that go on, and what they write', () => {
  const text =
    'Text.\n\n`a.json` says:\n\n```json\n{}\n```\n\n`no file`\n\n```sh\nx\n```\n\n```console\n$ one \\\n> two\nout\n$ three\n```\n'
  expect(parseTranscript(text)).toEqual({
    files: { 'a.json': '{}\n' },
    steps: [
      { line: 16, command: 'one \\\ntwo', expected: 'out\n' },
      { line: 19, command: 'three', expected: '' },
    ],
  })
})
