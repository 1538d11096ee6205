// What a builder has made, once it has ended well: checked, in canonical form, with hashes and references, and still
// where the builder put it.
import { lstatSync, readdirSync } from 'node:fs'
import { getgid, getuid } from 'node:process'
import { formatBase32 } from '@plumbline/common/store/base32'
import { toPath } from '@plumbline/common/store/byte-string'
import { parseContentHash } from '@plumbline/common/store/derivation/derivation-hash'
import type { DerivationOutput } from '@plumbline/common/store/derivation/derivation'
import { hashPart } from '@plumbline/common/store/store-path'
import { startHere } from '../work/start-here.ts'
import { BuildFailure } from './build-failure.ts'
import type { BuildJob } from './build-job.ts'
import { placeOf, type BuildPlace } from './build-place.ts'
import { closureOf } from './closure.ts'
import { finishOutput, type FinishArgs, type Finished } from './finish-output.ts'
import { checkReferenceRules } from './reference-rules.ts'

export type MadeOutput = {
  path: string
  place: string
  narHash: string
  narSize: number
  references: string[]
}

/** Throws BuildFailure. */
export async function collectOutputs(
  job: BuildJob,
  place: BuildPlace,
  wanted: readonly DerivationOutput[],
): Promise<MadeOutput[]> {
  const { derivation, session } = job
  const { store } = session.store.config
  const candidates = [...job.inputs, ...derivation.outputs.map(({ path }) => path)]
  const byHashPart = new Map(candidates.map((path) => [hashPart(store, path), path]))
  // A built-in writes nobody's name.
  const isRewritten = !place.redirects.isEmpty && !derivation.builder.startsWith('builtin:')
  const made: MadeOutput[] = []
  for (const output of wanted) {
    const { path } = output
    const where = placeOf(place, path)
    if (!lstatSync(toPath(where), { throwIfNoEntry: false })) {
      const reason = `builder for \`${job.path}' failed to produce output path \`${path}'`
      throw new BuildFailure('rejected', reason)
    }
    if (isRewritten) {
      job.sink.say(1, `rewriting hashes in \`${path}'; cross fingers`)
    }
    const content = output.hash === '' ? undefined : parseContentHash(output)
    const rewrite = isRewritten
      ? { scratch: session.store.scratchPath(), words: place.redirects.words() }
      : undefined
    const finished = await finish(job, {
      place: where,
      path,
      canonical: {
        builder: place.user?.uid,
        uid: getuid?.() ?? 0,
        gid: getgid?.() ?? 0,
      },
      rewrite,
      hashParts: [...byHashPart.keys()],
      fixed: content && { algorithm: content.algorithm, recursive: content.recursive },
    })
    if ('rejected' in finished) throw new BuildFailure('rejected', finished.rejected)
    if (content && finished.contentHash) checkHash(job, output, content.hash, finished.contentHash)
    const references = finished.found.flatMap((part) => byHashPart.get(part) ?? []).sort()
    made.push({ path, place: where, narHash: finished.narHash, narSize: finished.narSize, references })
  }
  checkRules(job, made)
  return made
}

function checkHash(job: BuildJob, output: DerivationOutput, expected: Uint8Array, actual: Uint8Array): void {
  if (Buffer.compare(expected, actual) === 0) return
  // People know MD5 sums in hex.
  const show = (hash: Uint8Array) =>
    output.hashAlgorithm.endsWith('md5') ? Buffer.from(hash).toString('hex') : formatBase32(hash)
  job.sink.trace(`hash-mismatch ${output.path} ${output.hashAlgorithm} ${show(expected)} ${show(actual)}`)
  throw new BuildFailure('rejected', `hash mismatch for store item '${output.path}'`)
}

function checkRules({ derivation, session }: BuildJob, made: readonly MadeOutput[]): void {
  const { config, database } = session.store
  const own = new Map(made.map(({ path, references }) => [path, references]))
  for (const output of made) {
    checkReferenceRules(config.store, derivation, output, () => {
      // Of outputs that are not valid yet, what they refer to is known here alone.
      const needed = new Set(output.references.filter((path) => path !== output.path))
      for (const path of needed) for (const reference of own.get(path) ?? []) needed.add(reference)
      return [...new Set([...needed, ...closureOf(database, needed)])].sort()
    })
  }
}

const maxSmallBytes = 1024 * 1024
const maxSmallEntries = 50

async function finish({ session, signal }: BuildJob, args: FinishArgs): Promise<Finished> {
  const { store } = session
  const { place, rewrite } = args
  // A collection keeps its hands off what has no name yet, also when the client has left the build to others.
  const roots = store.tempRoots.open(session.peer.uid, session.trusted)
  if (rewrite) await store.tempRoots.add(roots, rewrite.scratch)
  try {
    // A thread of its own is for what takes longer than to hand it over.
    return isSmall(place)
      ? await startHere(finishOutput, args, () => undefined).result
      : await store.pool.run<Finished>('finishOutput', args, undefined, signal)
  } finally {
    store.tempRoots.close(roots)
  }
}

/** Whether it takes no time to go through it. */
export function isSmall(path: string): boolean {
  try {
    return isSmallTree(path)
  } catch {
    // A directory that we may not read yet.
    return false
  }
}

function isSmallTree(path: string): boolean {
  let entries = 0
  let bytes = 0
  for (const open = [path]; open.length > 0;) {
    const node = open.pop() ?? path
    const stat = lstatSync(toPath(node))
    bytes += stat.size
    if (++entries > maxSmallEntries || bytes > maxSmallBytes) return false
    if (!stat.isDirectory()) continue
    const names = readdirSync(toPath(node), 'latin1')
    if (entries + open.length + names.length > maxSmallEntries) return false
    for (const name of names) open.push(`${node}/${name}`)
  }
  return true
}
