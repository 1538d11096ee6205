// A snapshot of a git repository as data: a tar of the files of one commit, without the repository.
import { spawn } from 'node:child_process'
import type { Data } from './data.ts'
import { runSource } from './run-source.ts'

/** DIRECTORY, or DIRECTORY#REVISION. The revision is looked up once, so that each reading gives the same. */
export async function openGitData(item: string, name: string): Promise<Data> {
  const [, directory = '', revision = 'HEAD'] = /^(.*?)(?:#([^#]*))?$/s.exec(item) ?? []
  const git = ['git', '-C', directory]
  const found = await runSource(
    [...git, 'rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`],
    {
      name,
      directory: '/',
    },
  )
  const [command = '', ...args] = [...git, 'archive', '--format=tar', found.toString('utf8').trim()]
  return { isSecret: false, bytes: undefined, open: () => readOutput(command, args) }
}

async function* readOutput(command: string, args: readonly string[]): AsyncGenerator<Uint8Array> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  try {
    yield* child.stdout as AsyncIterable<Buffer>
    if ((await ended) !== 0) throw new Error('git archive has failed')
  } finally {
    child.kill()
  }
}
