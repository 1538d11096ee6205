// A secret that is read once, when it is first needed, and shared by everything that needs it.
import { readSecret } from '@plumbline/common/secret/read-secret'
import type { Secret } from '@plumbline/common/secret/secret'
import type { SecretSource } from '@plumbline/common/secret/secret-options'

const known = new Map<string, Promise<Secret>>()

/** Undefined without a source. The same name gives the same secret for all hosts of a run. */
export function onceSecret(
  source: SecretSource | undefined,
  what: string,
): (() => Promise<Secret>) | undefined {
  if (!source) return undefined
  return () => {
    const reading = known.get(what) ?? readSecret(source, what)
    known.set(what, reading)
    return reading
  }
}
