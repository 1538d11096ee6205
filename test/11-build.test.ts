// The build: in a tree whose path is not plain, and where there is no compiler.
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { execPath } from 'node:process'
import { expect, test } from 'vitest'
import { Scratch } from './support/scratch.ts'
import { recordsOf, root, shell } from './support/shell.ts'

const scratch = new Scratch('build')

test('a program is built and runs in a tree with spaces and other letters in its path', async () => {
  const tree = scratch.file("the user's Gerät, 100% & more")
  for (const part of [
    'LICENSE',
    'scripts',
    'packages/common/src',
    'packages/common/package.json',
    'packages/connect',
  ])
    cpSync(`${root}/${part}`, `${tree}/${part}`, {
      recursive: true,
      filter: (path) => !path.endsWith('/dist'),
    })
  symlinkSync(`${root}/node_modules`, `${tree}/node_modules`)
  const cwd = `${tree}/packages/connect`
  const { status, stdout, stderr } = await shell(
    'node ../../scripts/bundle.mjs && node bin/connect.cjs local -n --linger 1ms',
    { cwd },
  )
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(recordsOf(stdout).map(({ type }) => type)).toEqual(['connection', 'end'])
})

test.each(['connect', 'propapply', 'daemonize', 'store-cli', 'store-daemon'])(
  '%s is packed with its licence, and those of what is bundled into it',
  async (program) => {
    const { stdout } = await shell('npm pack --dry-run --json --silent', {
      cwd: `${root}/packages/${program}`,
    })
    const [pack] = JSON.parse(stdout) as { files: { path: string }[] }[]
    expect(pack?.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['dist/LICENSE', 'dist/LICENSES.bundled', 'dist/main.cjs', 'README.md']),
    )
    const texts = readFileSync(`${root}/packages/${program}/dist/LICENSES.bundled`, 'utf8')
    for (const name of ['ndjson', 'valibot', 'yargs'])
      expect(texts).toMatch(new RegExp(`^${name} [0-9.]+: `, 'm'))
  },
)

test('a build that fails says which compilers are missing', async () => {
  const tree = scratch.file('no-compiler')
  cpSync(`${root}/scripts`, `${tree}/scripts`, { recursive: true })
  mkdirSync(`${tree}/node_modules/.bin`, { recursive: true })
  for (const lock of ['package-lock.json', 'node_modules/.package-lock.json'])
    writeFileSync(`${tree}/${lock}`, '{}')
  writeFileSync(`${tree}/node_modules/.bin/turbo`, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const { status, stderr } = await shell(`PATH=/nowhere ${execPath} scripts/build.mjs`, { cwd: tree })
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /\nMissing: cc, g\+\+, make, python3\. As root: apt-get install gcc g\+\+ make python3\n$/,
  )
})
