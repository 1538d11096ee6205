// A new root directory for a fresh agent, without chroot(2), which Node lacks: in the agent's own mount namespace
// another process calls pivot_root(2), which moves every process there from the old root to the new one. Node has been
// started by then, so that the new root needs to hold nothing of it.
//
// The fresh agent asks for it (askForRoot) on a descriptor that the agent that started it answers (answerRoots).
import { spawn } from 'node:child_process'
import { readSync, writeSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { ToolError } from '@plumbline/common/error/tool-error'
import { chrootMounts } from '../chroot-shell.ts'

/** The descriptor of the fresh agent on which it asks. */
export const rootDescriptor = 3

const pivot = [
  'PATH=$PATH:/usr/sbin:/sbin',
  'if [ ! -d "$0" ]; then echo "there is no directory \\"$0\\" to enter" >&2; exit 1; fi',
  `{ ${chrootMounts}; } 2>/dev/null`,
  'pivot_root . . || { echo "the root directory of the agent beneath it is no mount point" >&2; exit 1; }',
].join('\n')

/** Waits until this process has the directory as its root. Throws HOP_FAILED. */
export function askForRoot(directory: string): void {
  writeSync(rootDescriptor, `${JSON.stringify(directory)}\n`)
  let answer = ''
  const bytes = Buffer.alloc(4096)
  while (!answer.endsWith('\n')) {
    const count = readSync(rootDescriptor, bytes, 0, bytes.length, null)
    if (count === 0) break
    answer += bytes.toString('utf8', 0, count)
  }
  const reason = answer === '' ? 'the agent beneath it has ended' : (JSON.parse(answer) as string)
  if (reason !== '') throw new ToolError('HOP_FAILED', { hop: `chroot.fork:${directory}`, reason })
  process.chdir('/')
}

/** Answers process `pid` until it closes its end: an empty reason, or why not. */
export function answerRoots(door: Duplex, pid: number): void {
  let question = ''
  door.on('error', () => undefined)
  door.on('data', (chunk: Buffer) => {
    question += chunk.toString('utf8')
    if (!question.endsWith('\n')) return
    const directory = JSON.parse(question) as string
    question = ''
    void changeRoot(pid, directory).then((reason) => door.write(`${JSON.stringify(reason)}\n`))
  })
}

/** Whoever enters the namespace afterwards is at its top, the old root, and can take that away beneath itself. */
async function changeRoot(pid: number, directory: string): Promise<string> {
  const enter = ['-t', String(pid), '-m', '--']
  const failed = await run('nsenter', [...enter, '/bin/sh', '-c', pivot, directory])
  return failed || run('nsenter', [...enter, 'umount', '-l', '/'])
}

/** Empty, or what the command said when it failed. */
async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<string>((resolve) => {
    child.once('error', () => resolve(`there is no ${command} command`))
    child.once('close', (status) => resolve(status === 0 ? '' : `${command} ended with status ${status}`))
  })
  const [said, failure] = await Promise.all([text(child.stderr), ended])
  return failure && (said.trim().split('\n').slice(-3).join(' | ') || failure)
}
