// What would have to be done to make things valid, from the daemon's own answers: which derivations are built, which
// items are downloaded. What a build finds out later (a substitute that fails, say) is not in it.
import {
  querySubstitutes,
  queryOutputs,
  queryReferences,
  queryValidPaths,
  type Substitute,
} from '../queries.ts'
import type { StoreClient } from '../store-client.ts'

export type Plan = { builds: { path: string; outputs: string[] }[]; substitutes: Substitute[] }

/** `things` as they are given to the daemon. Derivations come after what they need. */
export async function planBuild(
  client: StoreClient,
  things: readonly string[],
  useSubstitutes: boolean,
): Promise<Plan> {
  const builds = new Map<string, string[]>()
  const substitutes = new Map<string, Substitute>()
  let level = [...new Set(things.map((thing) => thing.split('!')[0] ?? thing))]
  const seen = new Set(level)
  while (level.length > 0) {
    const valid = new Set(await queryValidPaths(client, level))
    const outputs = new Map<string, string[]>()
    const loose = level.filter((path) => !valid.has(path))
    for (const path of level) {
      if (path.endsWith('.drv') && valid.has(path)) outputs.set(path, await queryOutputs(client, path))
    }
    const missing = await findMissing(client, [...outputs.values()].flat())
    const wanted = [...missing, ...loose]
    const offered = useSubstitutes && wanted.length > 0 ? await querySubstitutes(client, wanted) : []
    for (const each of offered) substitutes.set(each.path, each)
    const next = new Set(offered.flatMap(({ references }) => references))
    for (const [path, made] of outputs) {
      if (!made.some((each) => missing.has(each) && !substitutes.has(each))) continue
      builds.set(path, made)
      for (const each of await queryReferences(client, path)) if (each.endsWith('.drv')) next.add(each)
    }
    level = [...next].filter((path) => !seen.has(path))
    for (const path of level) seen.add(path)
  }
  const planned = [...builds].map(([path, outputs]) => ({ path, outputs }))
  return { builds: planned.toReversed(), substitutes: [...substitutes.values()] }
}

async function findMissing(client: StoreClient, paths: readonly string[]): Promise<Set<string>> {
  const valid = new Set(paths.length > 0 ? await queryValidPaths(client, paths) : [])
  return new Set(paths.filter((path) => !valid.has(path)))
}
