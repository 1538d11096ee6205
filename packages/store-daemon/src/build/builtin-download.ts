// `builtin:download`: a fixed output from the first of several URLs that has it. The work is done by a process of its
// own, as another user; download/download-process.ts says why.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, fchownSync, lstatSync, openSync, readFileSync } from 'node:fs'
import { env, execPath, getuid } from 'node:process'
import { fileURLToPath } from 'node:url'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import { isStorePath, storeName } from '@plumbline/common/store/store-path'
import type { DownloadOrder } from '../download/download-process.ts'
import type { Session } from '../session.ts'
import { Deadline } from '../substitute/deadline.ts'
import type { BuiltinOptions, RunBuiltin } from './builtins.ts'
import { splitWords } from './environment.ts'

const maxMirrors = 1024 * 1024
/** Where there are no build users: whom Debian has for what should own nothing. */
const nobody = { uid: 65534, gid: 65534 }

export const download: RunBuiltin = async (session, derivation, options) => {
  const order = makeOrder(session, derivation, options)
  const deadline = new Deadline(session, options.signal)
  const fd = openSync(options.output, 'wx', 0o600)
  try {
    if (options.user) fchownSync(fd, options.user.uid, options.user.gid)
    await runProcess(order, environmentOf(derivation), fd, options, deadline)
  } catch (error) {
    throw deadline.timedOut ?? error
  } finally {
    deadline.end()
    closeSync(fd)
  }
  const isExecutable = new Map(derivation.environment).get('executable') === '1'
  chmodSync(options.output, isExecutable ? 0o555 : 0o444)
}

function makeOrder(
  session: Session,
  { environment, outputs, inputSources }: Derivation,
  { user }: BuiltinOptions,
): DownloadOrder {
  const variables = new Map(environment)
  const [output] = outputs
  const url = variables.get('url')
  if (!output || output.hash === '') throw failed('builtin:download needs a fixed output')
  if (url === undefined) throw failed('builtin:download needs a url')
  const read = (name: string) => {
    const path = variables.get(name)
    return path === undefined || path === '' ? null : readInput(session, path, inputSources)
  }
  return {
    url,
    mirrors: read('mirrors'),
    contentAddressedMirrors: read('content-addressed-mirrors'),
    name: storeName(output.path),
    algorithm: output.hashAlgorithm.replace(/^r:/, ''),
    hash: output.hash,
    flat: !output.hashAlgorithm.startsWith('r:'),
    path: output.path,
    user: getuid?.() === 0 ? (user ?? nobody) : null,
    trace: isTraced(session),
  }
}

/** Only what the derivation builds on, and only a file: the daemon can read more than who wrote it. */
function readInput({ store }: Session, path: string, inputs: readonly string[]): string {
  if (!isStorePath(store.config.store, path) || !inputs.includes(path)) {
    throw failed(`\`${path}' is no input of the derivation`)
  }
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile() || stat.size > maxMirrors) throw failed(`\`${path}' is no list of mirrors`)
  return readFileSync(path, 'latin1')
}

/** What the derivation names of the daemon's own, for proxies, and nothing else. */
function environmentOf({ environment }: Derivation): Record<string, string> {
  const names = splitWords(new Map(environment).get('impureEnvVars'))
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name]
      // Node reads its options from NODE_OPTIONS, and modules from NODE_PATH.
      return value === undefined || name.startsWith('NODE_') ? [] : [[name, value]]
    }),
  )
}

async function runProcess(
  order: DownloadOrder,
  environment: Record<string, string>,
  fd: number,
  { log, directory }: BuiltinOptions,
  deadline: Deadline,
): Promise<void> {
  const program = fileURLToPath(new URL('./launch.cjs', import.meta.url))
  const child = spawn(execPath, [program, '--download'], {
    cwd: directory,
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe', fd],
  })
  const exit = once(child, 'close') as Promise<[status: number | null, signal: string | null]>
  const kill = () => void child.kill('SIGKILL')
  deadline.signal.addEventListener('abort', kill, { once: true })
  if (deadline.signal.aborted) kill()
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes: Buffer) => {
      deadline.touch()
      log(bytes)
    })
  }
  // It stays open: when the daemon dies its end tells the process.
  child.stdin?.on('error', () => undefined)
  child.stdin?.write(`${JSON.stringify(order)}\n`)
  const [status] = await exit.finally(() => deadline.signal.removeEventListener('abort', kill))
  if (deadline.signal.aborted) throw new ToolError('CANCELLED', { what: 'The download' })
  if (status !== 0) throw failed(`cannot download \`${order.path}'`)
}

function isTraced({ options: { settings } }: Session): boolean {
  const name = 'print-extended-build-trace'
  return (settings.get(`untrusted-${name}`) ?? settings.get(name)) === '1'
}

function failed(reason: string): ToolError {
  return new ToolError('STORE_FAILED', { reason })
}
