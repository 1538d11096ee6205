// What a derivation is: how to make its outputs from its inputs. All strings are byte strings.
// Pure: no I/O.

export type DerivationOutput = {
  name: string
  path: string
  /** "sha256", "r:sha256" …, with `hash` in hex, when the contents are known beforehand; else both are ''. */
  hashAlgorithm: string
  hash: string
}

export type Derivation = {
  outputs: readonly DerivationOutput[]
  inputDerivations: readonly { path: string; outputs: readonly string[] }[]
  inputSources: readonly string[]
  system: string
  builder: string
  args: readonly string[]
  environment: readonly (readonly [name: string, value: string])[]
}

/** Whether the contents of its one output are known beforehand. */
export function isFixedOutput({ outputs }: Derivation): boolean {
  const [only] = outputs
  return outputs.length === 1 && only?.name === 'out' && only.hash !== ''
}
