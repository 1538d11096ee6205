// Derivations of a test's own, written by hand: texts in ATerm and output paths as Guix's manual and Dolstra's thesis
// have them, and not by the programs' code. Their builder is a static bash, which has all it needs in itself.
import { createHash } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { Scratch } from './scratch.ts'
import type { StoreOptions } from './store.ts'
import { root } from './shell.ts'
import { DaemonError, int, list, str, type WireClient } from './wire.ts'

export const modes = { normal: 0, repair: 1, check: 2 } as const
const bashFile = '/bin/bash-static'

export type Recipe = {
  /** For bash -e; $out and the like are variables. */
  script: string
  outputs?: readonly string[]
  inputs?: readonly Made[]
  sources?: readonly string[]
  env?: Record<string, string>
  fixed?: { algorithm: string; hash: string }
  system?: string
  builder?: string
}

/** A derivation that is in the store. */
export type Made = { drv: string; outputs: Record<string, string>; out: string; modulo: string }

export class Derivations {
  readonly store: string
  readonly client: WireClient
  #bash: string | undefined
  #tool: string | undefined

  constructor(client: WireClient, store: string) {
    this.client = client
    this.store = store
  }

  async bash(): Promise<string> {
    this.#bash ??= await this.client.addNar('bash', executableNar(readFileSync(bashFile)))
    return this.#bash
  }

  /** The tools of build-tool.c, as a program in the store. */
  async tool(): Promise<string> {
    this.#tool ??= await this.client.addNar('tool', executableNar(buildTool()))
    return this.#tool
  }

  async make(name: string, recipe: Recipe): Promise<Made> {
    const { inputs = [], sources = [], env = {}, fixed, system = 'x86_64-linux' } = recipe
    const [bash, tool] = [await this.bash(), await this.tool()]
    const script = await this.client.addText(`${name}-builder.sh`, `tool=${tool}\n${recipe.script}`, [tool])
    const names = [...(recipe.outputs ?? ['out'])].sort()
    const allSources = [...new Set([script, bash, tool, ...sources])].sort()
    const format = (paths: Record<string, string>, byModulo: boolean) =>
      formatDerivation({
        outputs: names.map((each) => [each, paths[each] ?? '', fixed?.algorithm ?? '', fixed?.hash ?? '']),
        inputs: inputs.map((input) => [
          byModulo ? input.modulo : input.drv,
          Object.keys(input.outputs).sort(),
        ]),
        sources: allSources,
        system,
        builder: recipe.builder ?? bash,
        args: ['-e', script],
        env: { ...env, ...Object.fromEntries(names.map((each) => [each, paths[each] ?? ''])) },
      })
    const outputs = fixed
      ? { out: this.#fixedPath(name, fixed) }
      : Object.fromEntries(
          names.map((each) => [each, this.#outputPath(name, each, sha256(format({}, true)))]),
        )
    const references = [...allSources, ...inputs.map(({ drv }) => drv)]
    const drv = await this.client.addText(`${name}.drv`, format(outputs, false), references)
    const out = outputs['out'] ?? Object.values(outputs)[0] ?? ''
    const modulo = fixed
      ? sha256(`fixed:out:${fixed.algorithm}:${fixed.hash}:${out}`)
      : sha256(format(outputs, true))
    return { drv, outputs, out, modulo }
  }

  #outputPath(name: string, output: string, modulo: string): string {
    return this.#path(`output:${output}`, modulo, output === 'out' ? name : `${name}-${output}`)
  }

  #fixedPath(name: string, { algorithm, hash }: { algorithm: string; hash: string }): string {
    if (algorithm === 'r:sha256') return this.#path('source', hash, name)
    return this.#path('output:out', sha256(`fixed:out:${algorithm}:${hash}:`), name)
  }

  #path(type: string, hash: string, name: string): string {
    const whole = createHash('sha256').update(`${type}:sha256:${hash}:${this.store}:${name}`).digest()
    const folded = Buffer.alloc(20)
    for (const [index, byte] of whole.entries()) folded[index % 20] = (folded[index % 20] ?? 0) ^ byte
    return `${this.store}/${base32(folded)}-${name}`
  }
}

/** Settings of a connection, as Guix's client sends them. */
export type BuildOptions = {
  keepFailed?: boolean
  keepGoing?: boolean
  verbosity?: number
  trace?: boolean
  substitutes?: boolean
  offload?: boolean
  settings?: Record<string, string>
}

export async function setOptions(client: WireClient, options: BuildOptions = {}): Promise<void> {
  const {
    keepFailed = false,
    keepGoing = false,
    verbosity = 0,
    trace = true,
    substitutes = false,
    offload = false,
  } = options
  const settings = Object.entries(options.settings ?? {})
  const flag = (value: boolean) => int(value ? 1 : 0)
  await client.call(
    19,
    flag(keepFailed),
    flag(keepGoing),
    int(0),
    int(verbosity),
    flag(offload),
    int(0),
    int(0),
    flag(trace),
    flag(substitutes),
    int(settings.length),
    ...settings.flatMap(([name, value]) => [str(name), str(value)]),
  )
}

/** Throws DaemonError. */
export async function build(
  client: WireClient,
  things: string | readonly string[],
  mode: keyof typeof modes = 'normal',
): Promise<void> {
  await client.call(9, list(typeof things === 'string' ? [things] : things), int(modes[mode]))
  await client.int()
}

/** How a build failed. */
export async function failure(promise: Promise<unknown>): Promise<{ message: string; status: number }> {
  try {
    await promise
  } catch (error) {
    if (error instanceof DaemonError) return { message: error.message, status: error.status }
    throw error
  }
  throw new Error('it did not fail')
}

export function sha256(text: string | Buffer): string {
  return createHash('sha256').update(text).digest('hex')
}

function executableNar(contents: Buffer): Buffer {
  return Buffer.concat(
    ['nix-archive-1', '(', 'type', 'regular', 'executable', '', 'contents', contents, ')'].map(str),
  )
}

type Aterm = {
  outputs: [string, string, string, string][]
  inputs: [string, string[]][]
  sources: string[]
  system: string
  builder: string
  args: string[]
  env: Record<string, string>
}

function formatDerivation({ outputs, inputs, sources, system, builder, args, env }: Aterm): string {
  const escapes: Record<string, string> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' }
  const quote = (text: string) => `"${text.replace(/["\\\n\r\t]/g, (c) => escapes[c] ?? `\\${c}`)}"`
  const strings = (items: readonly string[]) => `[${items.map(quote).join(',')}]`
  const sorted = <T>(items: readonly T[], key: (item: T) => string) =>
    [...items].sort((a, b) => (key(a) < key(b) ? -1 : 1))
  const tuples = (items: readonly (readonly string[])[]) =>
    `[${items.map((item) => `(${item.map(quote).join(',')})`).join(',')}]`
  const given = sorted(inputs, ([path]) => path).map(([path, names]) => `(${quote(path)},${strings(names)})`)
  const variables = sorted(Object.entries(env), ([name]) => name)
  return `Derive(${tuples(outputs)},[${given.join(',')}],${strings(sources)},${quote(system)},${quote(builder)},${strings(args)},${tuples(variables)})`
}

function base32(bytes: Buffer): string {
  const alphabet = '0123456789abcdfghijklmnpqrsvwxyz'
  let number = BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
  let text = ''
  for (let length = Math.ceil((bytes.length * 8) / 5); length > 0; length--) {
    text = alphabet.charAt(Number(number & 31n)) + text
    number >>= 5n
  }
  return text
}

/** A program with the tools of build-tool.c, compiled when a test first asks for it. */
export function buildTool(): Buffer {
  const made = `${root}/.cache/build-tool`
  const source = `${root}/test/support/build-tool.c`
  if (!existsSync(made) || statSync(made).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(`${root}/.cache`, { recursive: true })
    execFileSync('gcc', ['-O1', '-static', '-o', `${made}.${process.pid}`, source])
    renameSync(`${made}.${process.pid}`, made)
  }
  return readFileSync(made)
}

// Of this test alone: a daemon ends all that runs as one of its build users, whoever has started it.
const firstUid = 1_000_000 + process.pid * 10
export const buildUsers = { uids: [firstUid + 1, firstUid + 2], gid: firstUid, group: 'plbuild' }

/**
 * Options of a daemon with build users, who exist in its own /etc alone. Tests that run side by side need users of
 * their own: whatever runs as a build user is killed with the build.
 */
export function withBuildUsers(scratch: Scratch, users = buildUsers): StoreOptions {
  const { uids, gid, group } = users
  const etc = scratch.file('etc')
  if (!existsSync(etc)) {
    mkdirSync(etc)
    const names = uids.map((_, index) => `${group}${index}`)
    const passwd = names.map((name, index) => `${name}:x:${uids[index]}:${gid}::/:/noshell\n`)
    writeFileSync(`${etc}/passwd`, `root:x:0:0:root:/root:/bin/sh\n${passwd.join('')}`)
    writeFileSync(`${etc}/group`, `root:x:0:\n${group}:x:${gid}:${names.join(',')}\n`)
    for (const name of ['hosts', 'services', 'nsswitch.conf', 'resolv.conf']) {
      if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, `${etc}/${name}`)
    }
  }
  // The whole directory: a mount on a file ends when the file is replaced elsewhere, as useradd does.
  return {
    prefix: ['unshare', '--mount', 'sh', '-c', `mount --bind ${etc} /etc && exec "$@"`, 'sh'],
    args: [`--build-users-group=${group}`],
  }
}
