// What is done to an output once its builder has ended, in one pass over it: canonical form, hash, references.
import { lstatSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { toPath } from '@plumbline/common/store/byte-string'
import { startHash, type HashAlgorithm } from '@plumbline/common/store/hash'
import { dumpNarInSteps } from '@plumbline/common/store/nar/dump-nar'
import { reasonOf } from '@plumbline/common/error/translate'
import { makeStoppableTurns, type Job, type Turn } from '../work/job.ts'
import { BuildFailure } from './build-failure.ts'
import { canonicalise, type Canonical } from './canonicalise.ts'
import { readBlocks } from './read-blocks.ts'
import { ReferenceScanner } from './reference-scanner.ts'
import { rewriteHashes, type Rewrite } from './rewrite-hashes.ts'

export type FinishArgs = {
  /** Where it is, and what it is to be called in messages. */
  place: string
  path: string
  canonical: Canonical
  /** What the builder was not told by its own name. */
  rewrite: Rewrite | undefined
  /** What may be referred to. */
  hashParts: readonly string[]
  /** How a fixed output's hash is made. */
  fixed: { algorithm: HashAlgorithm; recursive: boolean } | undefined
}

export type Finished =
  | { narHash: string; narSize: number; found: string[]; contentHash: Uint8Array | undefined }
  | { rejected: string }

export const finishOutput: Job<FinishArgs, Finished> = async (args, port) => {
  const turn = makeStoppableTurns(port, 'The build')
  try {
    checkTop(args)
    // First: what is not the builder's own must not be read for it.
    for (const _ of canonicalise(args.place, args.canonical)) {
      const pause = turn()
      if (pause) await pause
    }
    if (args.rewrite) {
      for (const _ of rewriteHashes(args.place, args.rewrite)) {
        const pause = turn()
        if (pause) await pause
      }
    }
    const contentHash =
      args.fixed && !args.fixed.recursive ? await hashFile(args, args.fixed.algorithm, turn) : undefined
    const narHash = createHash('sha256')
    const other = args.fixed?.recursive ? startHash(args.fixed.algorithm) : undefined
    const scanner = new ReferenceScanner(args.hashParts)
    const steps = dumpNarInSteps(args.place, (block) => {
      narHash.update(block)
      other?.update(block)
      scanner.push(block)
    })
    for (;;) {
      const step = steps.next()
      if (step.done) {
        const found = [...scanner.found]
        const hashes = { narHash: narHash.digest('hex'), contentHash: contentHash ?? other?.digest() }
        return { ...hashes, narSize: step.value, found }
      }
      const pause = turn()
      if (pause) await pause
    }
  } catch (error) {
    // A tree that is too deep to have a name, for one.
    return {
      rejected: error instanceof BuildFailure ? error.message : `output \`${args.path}': ${reasonOf(error)}`,
    }
  }
}

/** Throws BuildFailure. */
function checkTop({ place, path, canonical }: FinishArgs): void {
  const stat = lstatSync(toPath(place))
  const writable = !stat.isSymbolicLink() && (stat.mode & 0o022) !== 0
  if (writable || (canonical.builder !== undefined && stat.uid !== canonical.builder)) {
    const reason = `suspicious ownership or permission on \`${path}'; rejecting this build output`
    throw new BuildFailure('rejected', reason)
  }
}

/** Throws BuildFailure unless it is a file as add-to-store would make it. */
async function hashFile(
  { place, path }: FinishArgs,
  algorithm: HashAlgorithm,
  turn: Turn,
): Promise<Uint8Array> {
  const stat = lstatSync(toPath(place))
  if (!stat.isFile() || (stat.mode & 0o111) !== 0) {
    throw new BuildFailure('rejected', `output path \`${path} should be a non-executable regular file`)
  }
  const hash = startHash(algorithm)
  await readBlocks(place, stat.size, (block) => void hash.update(block), turn)
  return hash.digest()
}
