// Writes a derivation as ATerm; the grammar is in parse-derivation.ts. The order of lists is kept.
// Pure: no I/O.
import type { Derivation } from './derivation.ts'

/** The ATerm as a byte string. */
export function formatDerivation(derivation: Derivation): string {
  const { outputs, inputDerivations, inputSources, system, builder, args, environment } = derivation
  const fields = [
    list(outputs.map(({ name, path, hashAlgorithm, hash }) => tuple(name, path, hashAlgorithm, hash))),
    list(inputDerivations.map((input) => `(${string(input.path)},${list(input.outputs.map(string))})`)),
    list(inputSources.map(string)),
    string(system),
    string(builder),
    list(args.map(string)),
    list(environment.map(([name, value]) => tuple(name, value))),
  ]
  return `Derive(${fields.join(',')})`
}

/** A copy with every list that has no order of its own in the order of bytes. */
export function sortDerivation(derivation: Derivation): Derivation {
  return {
    ...derivation,
    outputs: sortBy(derivation.outputs, ({ name }) => name),
    inputDerivations: sortBy(
      derivation.inputDerivations.map(({ path, outputs }) => ({ path, outputs: sortUnique(outputs) })),
      ({ path }) => path,
    ),
    inputSources: sortUnique(derivation.inputSources),
    environment: sortBy(derivation.environment, ([name]) => name),
  }
}

/** In order of the key; of several items with one key the last stays, as in a C++ map that is assigned to. */
function sortBy<T>(items: readonly T[], key: (item: T) => string): T[] {
  const byKey = new Map(items.map((item) => [key(item), item]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item)
}

function sortUnique(items: readonly string[]): string[] {
  return [...new Set(items)].sort()
}

function tuple(...items: string[]): string {
  return `(${items.map(string).join(',')})`
}

function list(items: readonly string[]): string {
  return `[${items.join(',')}]`
}

const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function string(text: string): string {
  return `"${text.replace(/["\\\n\r\t]/g, (c) => escapes[c] ?? `\\${c}`)}"`
}
