// The hash of a derivation "modulo" its fixed outputs, and the output paths that follow from it: two derivations
// that differ only in how they fetch the same bytes lead to the same outputs further down.
// Dolstra, "The Purely Functional Software Deployment Model", 2006, section 5.4.1.
// Pure: no I/O.
import { ToolError } from '../../error/tool-error.ts'
import { hexDigest, isHashAlgorithm, parseHexHash } from '../hash.ts'
import { makeFixedOutputPath, makeOutputPath } from '../store-path.ts'
import { isFixedOutput, type Derivation, type DerivationOutput } from './derivation.ts'
import { formatDerivation, sortDerivation } from './format-derivation.ts'

/** The hash modulo, in hex, of the derivation at a path. */
export type HashOfInput = (path: string) => string

/** The hash of `derivation` as an input of others, in hex. */
export function hashDerivationModulo(derivation: Derivation, hashOfInput: HashOfInput): string {
  const [output] = derivation.outputs
  if (output && isFixedOutput(derivation)) {
    return hexDigest('sha256', `fixed:out:${output.hashAlgorithm}:${output.hash}:${output.path}`)
  }
  const sorted = sortDerivation(derivation)
  // Inputs that become equal collapse into one here; sorting again keeps the last of them.
  const inputDerivations = sorted.inputDerivations.map(({ path, outputs }) => ({
    path: hashOfInput(path),
    outputs,
  }))
  return hexDigest('sha256', formatDerivation(sortDerivation({ ...sorted, inputDerivations })))
}

/** Output name → path for a derivation called `name`; the paths it already holds are not looked at. */
export function computeOutputPaths(
  store: string,
  name: string,
  derivation: Derivation,
  hashOfInput: HashOfInput,
): ReadonlyMap<string, string> {
  const [output] = derivation.outputs
  if (output && isFixedOutput(derivation)) {
    return new Map([['out', makeFixedOutputPath(store, name, parseContentHash(output))]])
  }
  const hash = hashDerivationModulo(blankOutputs(derivation), hashOfInput)
  return new Map(derivation.outputs.map((each) => [each.name, makeOutputPath(store, each.name, hash, name)]))
}

/** Throws DERIVATION_INCORRECT unless each output's path, and the variable of its name, is the computed one. */
export function checkOutputPaths(
  store: string,
  { path, name }: { path: string; name: string },
  derivation: Derivation,
  hashOfInput: HashOfInput,
): void {
  const environment = new Map(derivation.environment)
  const paths = computeOutputPaths(store, name, derivation, hashOfInput)
  // Each of them: one name may be there twice.
  for (const { name: output, path: found } of derivation.outputs) {
    const expected = paths.get(output) ?? ''
    if (found !== expected || environment.get(output) !== expected) {
      const reason = `incorrect output \`${found}', should be \`${expected}'`
      throw new ToolError('DERIVATION_INCORRECT', { path, reason })
    }
  }
}

/** The declared hash of a fixed output. Throws HASH_UNKNOWN, HASH_INVALID. */
export function parseContentHash({ hashAlgorithm, hash }: DerivationOutput) {
  const recursive = hashAlgorithm.startsWith('r:')
  const algorithm = recursive ? hashAlgorithm.slice(2) : hashAlgorithm
  if (!isHashAlgorithm(algorithm)) throw new ToolError('HASH_UNKNOWN', { algorithm })
  return { algorithm, recursive, hash: parseHexHash(algorithm, hash) }
}

/** Output paths depend on everything but themselves, so they are blanked wherever a derivation repeats them. */
function blankOutputs(derivation: Derivation): Derivation {
  const environment = new Map(derivation.environment)
  for (const { name } of derivation.outputs) environment.set(name, '')
  return {
    ...derivation,
    outputs: derivation.outputs.map((output) => ({ ...output, path: '' })),
    environment: [...environment],
  }
}
