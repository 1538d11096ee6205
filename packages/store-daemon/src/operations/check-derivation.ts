// What a derivation has to satisfy to be registered, and the hashes of those it builds on.
import { lstatSync, readFileSync } from 'node:fs'
import { ToolError } from '@plumbline/common/error/tool-error'
import { checkOutputPaths, hashDerivationModulo } from '@plumbline/common/store/derivation/derivation-hash'
import { isFixedOutput, type Derivation } from '@plumbline/common/store/derivation/derivation'
import { parseDerivation } from '@plumbline/common/store/derivation/parse-derivation'
import { storeName } from '@plumbline/common/store/store-path'
import type { Store } from '../store/store.ts'

const maxCached = 20_000
/** Of a derivation, in bytes, which is what a text may have. */
const maxSize = 32 * 1024 * 1024
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

/** The same for what is at `file`; undefined for what is no derivation. Throws STORE_FAILED too. */
export function checkDerivationFile(
  store: Store,
  path: string,
  file: string,
): ReadonlyMap<string, string> | undefined {
  if (!path.endsWith('.drv')) return undefined
  const stat = lstatSync(file)
  if (!stat.isFile()) return undefined
  if (stat.size > maxSize)
    throw new ToolError('STORE_FAILED', { reason: `derivation \`${path}' is too large` })
  return checkDerivation(store, path, readFileSync(file))
}

/**
 * Reads the derivation at `path`, which has to be valid, and to have been checked when it became so: what a builder
 * made has not, and might be another one the next time, nor has what is called like a derivation and is none.
 */
export function readDerivation(store: Store, path: string): Derivation {
  const id = store.database.idOf(path)
  if (id === undefined) throw new ToolError('REFERENCE_NOT_VALID', { path })
  const known = new Map(store.database.outputs(id).map((output) => [output.id, output.path]))
  if (known.size === 0)
    throw new ToolError('DERIVATION_INCORRECT', { path, reason: 'no outputs that are known' })
  const derivation = parseDerivation(readFileSync(path, 'latin1'), path)
  const wrong = derivation.outputs.find((output) => known.get(output.name) !== output.path)
  if (wrong) {
    const reason = `output \`${wrong.path}', which was not registered with it`
    throw new ToolError('DERIVATION_INCORRECT', { path, reason })
  }
  return derivation
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
