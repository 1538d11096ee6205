// The variables of a builder: nothing of the daemon's own, but what a fixed output asks for by name.
// Pure: no I/O.
import { isFixedOutput, type Derivation } from '@plumbline/common/store/derivation/derivation'

type Surroundings = {
  store: string
  cores: number
  /** The build directory as the builder sees it. */
  directory: string
  /** The daemon's own variables. */
  daemon: Readonly<Record<string, string | undefined>>
}

/** NAME=VALUE, byte strings. What is the same for every build may be overridden, the build directory may not. */
export function makeEnvironment(derivation: Derivation, surroundings: Surroundings): string[] {
  const { store, cores, directory, daemon } = surroundings
  const given = new Map(derivation.environment)
  const impure = isFixedOutput(derivation) ? splitWords(given.get('impureEnvVars')) : []
  const variables = new Map([
    // Not found rather than found by chance.
    ['PATH', '/path-not-set'],
    ['HOME', '/homeless-shelter'],
    ['NIX_STORE', store],
    ['NIX_BUILD_CORES', String(cores)],
    ...given,
    ...['NIX_BUILD_TOP', 'TMPDIR', 'TEMPDIR', 'TMP', 'TEMP', 'PWD'].map((name) => [name, directory] as const),
    ...impure.map((name) => [name, daemon[name] ?? ''] as const),
  ])
  return [...variables].map(([name, value]) => `${name}=${value}`)
}

/** The words of a variable that lists things. */
export function splitWords(text: string | undefined): string[] {
  return (text ?? '').split(/[ \t\n\r]+/).filter((word) => word !== '')
}
