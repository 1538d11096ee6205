// What an output may refer to: `allowedReferences` and its three relatives.
// Pure: no I/O.
import type { Derivation } from '@plumbline/common/store/derivation/derivation'
import { isInStore } from '@plumbline/common/store/store-path'
import { BuildFailure } from './build-failure.ts'
import { splitWords } from './environment.ts'

const rules = [
  { variable: 'allowedReferences', allowed: true, recursive: false },
  { variable: 'allowedRequisites', allowed: true, recursive: true },
  { variable: 'disallowedReferences', allowed: false, recursive: false },
  { variable: 'disallowedRequisites', allowed: false, recursive: true },
] as const

/** Throws BuildFailure. `requisites` are all that the references need, they themselves included. */
export function checkReferenceRules(
  store: string,
  derivation: Derivation,
  output: { path: string; references: readonly string[] },
  requisites: () => readonly string[],
): void {
  const variables = new Map(derivation.environment)
  for (const { variable, allowed, recursive } of rules) {
    const text = variables.get(variable)
    if (text === undefined) continue
    const named = new Set(splitWords(text).map((word) => parseSpecifier(store, derivation, word)))
    for (const path of recursive ? requisites() : output.references) {
      if (named.has(path) === allowed) continue
      throw new BuildFailure(
        'rejected',
        `output (\`${output.path}') is not allowed to refer to path \`${path}'`,
      )
    }
  }
}

/** A store path, or the name of an output. */
function parseSpecifier(store: string, { outputs }: Derivation, word: string): string {
  if (isInStore(store, word)) return word
  const output = outputs.find(({ name }) => name === word)
  if (output) return output.path
  throw new BuildFailure('rejected', `derivation contains an illegal reference specifier \`${word}'`)
}
