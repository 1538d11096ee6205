// What a derivation has to satisfy to be registered, and the hashes of those it builds on.
import { readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { checkOutputPaths, hashDerivationModulo } from '@plumbline/common/store/derivation/derivation-hash'
import { isFixedOutput, type Derivation } from '@plumbline/common/store/derivation/derivation'
import { parseDerivation } from '@plumbline/common/store/derivation/parse-derivation'
import { storeName } from '@plumbline/common/store/store-path'
import type { Store } from '../store/store.ts'

const maxCached = 20_000
/** Path of a valid derivation → its hash modulo. An item never changes, so neither does its hash. */
const hashes = new Map<string, string>()

/** Output name → path of the derivation `contents` at `path`. Throws DERIVATION_…, REFERENCE_NOT_VALID. */
export function checkDerivation(store: Store, path: string, contents: Buffer): ReadonlyMap<string, string> {
  const derivation = parseDerivation(contents.toString('latin1'), path)
  const hashOfInput = makeHashOfInput(store, derivation)
  const name = storeName(path).replace(/\.drv$/, '')
  checkOutputPaths(store.config.store, { path, name }, derivation, hashOfInput)
  return new Map(derivation.outputs.map((output) => [output.name, output.path]))
}

/** Reads the derivation at `path`, which has to be valid. */
export function readDerivation(store: Store, path: string): Derivation {
  if (store.database.idOf(path) === undefined) throw new ToolError('REFERENCE_NOT_VALID', { path })
  return parseDerivation(readFileSync(path, 'latin1'), path)
}

/**
 * Hashes every input, and theirs, without recursion: a chain of derivations may be deeper than the stack. Nothing
 * below a fixed output counts.
 */
function makeHashOfInput(store: Store, top: Derivation): (path: string) => string {
  if (hashes.size > maxCached) hashes.clear()
  const inputsOf = (derivation: Derivation) =>
    isFixedOutput(derivation) ? [] : derivation.inputDerivations.map(({ path }) => path)
  const hashOf = (path: string): string => {
    const hash = hashes.get(path)
    if (hash === undefined) {
      throw new ToolError('DERIVATION_INCORRECT', { path, reason: 'a cycle in its inputs' })
    }
    return hash
  }
  const stack = inputsOf(top).map((path) => ({ path, derivation: undefined as Derivation | undefined }))
  for (let step = stack.at(-1); step; step = stack.at(-1)) {
    if (hashes.has(step.path)) {
      stack.pop()
    } else if (step.derivation) {
      hashes.set(step.path, hashDerivationModulo(step.derivation, hashOf))
      stack.pop()
    } else {
      step.derivation = readDerivation(store, step.path)
      for (const path of inputsOf(step.derivation)) {
        if (!hashes.has(path)) stack.push({ path, derivation: undefined })
      }
    }
  }
  return hashOf
}
