// Mode and owner of new and of replaced files, whatever the directory hands on to what is made in it. Several steps a
// program: only then are the directories looked at.
import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs'
import { describe, expect, test } from 'vitest'
import { makeCall, makeFarSides, runCalls } from '../../shell/far-side.testing.ts'
import { useFiles } from './use-files.testing.ts'

const modes = ['0600', '0640', '0644', '0660', '0664', '0666', '0755', '4711']

describe.each(makeFarSides())('$name', (side) => {
  const files = useFiles(side)

  /** A file of each mode is made in the directory, made anew with other content, and then left as it is. */
  async function checkModes(directory: string) {
    for (const [content, result] of [
      ['a', 'changed'],
      ['b', 'changed'],
      ['b', 'ok'],
    ]) {
      const calls = await Promise.all(
        modes.map((mode) =>
          makeCall('file.has-content', { path: files.at(`${directory}/${mode}`), content, mode }),
        ),
      )
      const { steps } = runCalls(side, calls)
      expect(steps.map((step) => step.result)).toEqual(modes.map(() => result))
      expect(modes.map((mode) => files.modeOf(`${directory}/${mode}`).padStart(4, '0'))).toEqual(modes)
    }
    const [first = ''] = modes
    fs.chmodSync(files.at(`${directory}/${first}`), 0o604)
    const kept = ['x', 'y'].map((line) =>
      makeCall('file.contains-lines', { path: files.at(`${directory}/${first}`), lines: [line] }),
    )
    expect(runCalls(side, await Promise.all(kept)).steps.map((step) => step.result)).toEqual([
      'changed',
      'changed',
    ])
    expect(files.modeOf(`${directory}/${first}`)).toBe('604')
  }

  test('in a directory that was there', async () => {
    fs.mkdirSync(files.at('d'))
    await checkModes('d')
  })

  test('in a directory with an access list for what is made in it, and in one made in that', async () => {
    fs.mkdirSync(files.at('d'))
    execFileSync('setfacl', ['-d', '-m', 'u::rwx,u:daemon:rwx,g::---,o::r--', files.at('d')])
    await checkModes('d')
    const directory = await makeCall('file.directory-exists', { path: files.at('d/e'), mode: '0750' })
    const made = await makeCall('file.has-content', {
      path: files.at('d/e/f'),
      content: '',
      mode: '0640',
    })
    expect(runCalls(side, [directory, made]).steps.map((step) => step.result)).toEqual(['changed', 'changed'])
    expect(files.modeOf('d/e/f')).toBe('640')
    await checkModes('d/e')
  })

  test('in a directory that a step has made, or that a command has changed', async () => {
    const directory = await makeCall('file.directory-exists', { path: files.at('d') })
    const made = (name: string) =>
      makeCall('file.has-content', { path: files.at(`d/${name}`), content: '', mode: '0640' })
    const command = await makeCall('cmd.single', { command: `setfacl -d -m g::---,o::rwx ${files.at('d')}` })
    const env = { PATH: `${side.path}:${process.env['PATH']}` }
    const { steps } = runCalls(side, [directory, await made('a'), command, await made('b')], { env })
    expect(steps.map((step) => step.result)).toEqual(['changed', 'changed', 'changed', 'changed'])
    expect([files.modeOf('d/a'), files.modeOf('d/b')]).toEqual(['640', '640'])
  })

  test.skipIf(!files.isRoot)('in a directory that gives its group away', async () => {
    fs.mkdirSync(files.at('d'))
    fs.chownSync(files.at('d'), 0, 1)
    fs.chmodSync(files.at('d'), 0o2755)
    await checkModes('d')
    // What was there keeps its group.
    fs.writeFileSync(files.at('d/own'), 'old')
    fs.chownSync(files.at('d/own'), 0, 0)
    const calls = ['a', 'b'].map((content) =>
      makeCall('file.has-content', { path: files.at('d/own'), content }),
    )
    runCalls(side, await Promise.all(calls))
    expect([fs.statSync(files.at('d/own')).gid, fs.statSync(files.at('d/0600')).gid]).toEqual([0, 1])
  })

  test.skipIf(!files.isRoot)('of a file of somebody else, who keeps it', async () => {
    fs.mkdirSync(files.at('d'))
    fs.writeFileSync(files.at('d/theirs'), 'old')
    fs.chownSync(files.at('d/theirs'), 2, 3)
    const calls = ['a', 'b'].map((content) =>
      makeCall('file.has-content', { path: files.at('d/theirs'), content, mode: '0640' }),
    )
    runCalls(side, await Promise.all(calls))
    const { uid, gid } = fs.statSync(files.at('d/theirs'))
    expect([uid, gid, files.modeOf('d/theirs')]).toEqual([2, 3, '640'])
  })

  // Busybox neither shows nor copies access lists.
  test.skipIf(side.name === 'busybox')('of a file with an access list, which it keeps', async () => {
    fs.writeFileSync(files.at('f'), 'old', { mode: 0o600 })
    const list = 'user::rw-\nuser:daemon:rw-\ngroup::---\nmask::rw-\nother::---\n\n'
    execFileSync('setfacl', ['-m', 'u:daemon:rw', files.at('f')])
    for (const content of ['new', 'newer', 'a\0b']) {
      const content_base64 = Buffer.from(content).toString('base64')
      expect((await files.apply('file.has-content', { path: 'f', content_base64 })).result).toBe('changed')
      expect(execFileSync('getfacl', ['-cp', files.at('f')]).toString()).toBe(list)
      expect(fs.readFileSync(files.at('f'), 'utf8')).toBe(content)
    }
    await files.apply('file.has-content', { path: 'f', content: '', mode: '0640' })
    expect(execFileSync('getfacl', ['-cp', files.at('f')]).toString()).not.toContain('daemon')
  })
})
