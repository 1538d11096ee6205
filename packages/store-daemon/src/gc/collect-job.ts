// The part of a collection that takes long, on a worker thread: finds the roots, reads the graph, marks it, and
// removes from disk what the main thread has taken out of the database.
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { reasonOf } from '@plumbline/common/error/translate'
import { fault } from '../fault.ts'
import { exists, removeTree } from '../store/remove-tree.ts'
import { makeTurns, type Job, type JobPort, type Turn } from '../work/job.ts'
import { findBusyRoots } from './busy-roots.ts'
import { recordDeaths } from './deaths.ts'
import { basePath } from '../store/base-path.ts'
import { findRoots } from './find-roots.ts'
import { readGraph, type Graph, type KeepSettings } from './graph.ts'
import { closeOverReferrers, findChain, markAlive, orderReferrersFirst } from './mark.ts'
import { indexPaths, namesWithout, type PathIndex } from './sorted-paths.ts'
import { writeSeenRoots } from './seen-roots.ts'
import { removeUnusedLinks } from './unused-links.ts'

export type CollectAction = 'live' | 'dead' | 'delete' | 'specific' | 'why'

export type CollectArgs = {
  store: string
  state: string
  database: string
  action: CollectAction
  /** For 'specific' and 'why'. */
  paths: readonly string[]
  settings: KeepSettings
  tempRoots: readonly string[]
  /** Targets of roots that do not answer. */
  hung: readonly string[]
  deduplicate: boolean
  keepDeadMs: number
  now: number
}

/** What the main thread needs to know while it takes paths out of the database. */
export type Marked = {
  ids: Float64Array
  nodes: Int32Array
  offsets: Uint32Array
  targets: Uint32Array
  alive: Uint8Array
}

export type Candidate = { node: number; path: string }
export type CollectMessage =
  { log: string; level: number } | { marked: Marked } | { batch: Candidate[] } | { freed: number }
/** `next` candidates are handed out before what is to be removed is, unless `inOrder`. */
export type CollectCommand = { remove: readonly string[]; next: number; inOrder: boolean } | { finish: true }

export type Link = { path: string; root: string | null }
export type CollectResult = {
  paths: string[]
  /** A path that was to be deleted and is alive. */
  stillAlive: string | undefined
  /** For 'why': from a root to the path. */
  chain: Link[] | undefined
}

export const collect: Job<CollectArgs, CollectResult> = async (args, port) => {
  const { store, database, action, settings } = args
  const turn = makeTurns()
  // The names before the graph: what comes into the store after that is not taken for junk.
  const [names, graph] = await Promise.all([
    readdir(store, 'latin1'),
    readGraph(`${database}/db.sqlite`, settings, turn),
  ])
  const nodes = indexPaths(graph.paths)
  const roots = await findAllRoots(args, nodes, port, turn)
  const alive = new Uint8Array(graph.paths.length)
  markAlive(graph.keeps, alive, nodesOf(roots.keys(), nodes))
  if (action === 'delete' || args.keepDeadMs > 0) keepRecentlyDead(args, graph, nodes, alive)

  const result = { paths: [], stillAlive: undefined, chain: undefined }
  const junk = listJunk(store, names, graph.paths, roots)
  if (action === 'live') return { ...result, paths: graph.paths.filter((_, node) => alive[node]) }
  if (action === 'dead') {
    const dead = graph.paths.filter((_, node) => !alive[node])
    return { ...result, paths: junk.length === 0 ? dead : [...dead, ...junk].sort() }
  }
  if (action === 'why') return { ...result, chain: explain(args, graph, nodes, roots) }
  const chosen = action === 'specific' ? chooseSpecific(args, graph, nodes, alive, roots) : undefined
  const candidates = chosen?.candidates ?? [
    ...junk.map((path) => ({ node: -1, path })),
    ...Array.from(
      orderReferrersFirst(graph.references, (node) => !alive[node]),
      (node) => ({
        node,
        path: graph.paths[node] ?? '',
      }),
    ),
  ]
  const failures = await removeInBatches(args, graph, alive, candidates, port)
  removeUnusedLinks(store)
  if (failures.length > 0) throw failures[0]
  return { ...result, stillAlive: chosen?.stillAlive }
}

/** Root → where it comes from. */
async function findAllRoots(
  { store, state, tempRoots, hung }: CollectArgs,
  nodes: PathIndex,
  port: JobPort,
  turn: Turn,
): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  const found = findRoots(store, state, hung)
  writeSeenRoots(state, found.seen)
  for (const warning of found.warnings) port.send({ log: warning, level: 1 })
  for (const { link, target } of found.roots) {
    if (nodes.has(target)) all.set(target, link)
    else port.send({ log: `skipping invalid root from \`${link}' to \`${target}'`, level: 1 })
  }
  for (const path of await findBusyRoots(store, turn)) if (nodes.has(path)) all.set(path, 'a running process')
  for (const path of tempRoots) all.set(path, 'an open connection')
  return all
}

function nodesOf(paths: Iterable<string>, nodes: PathIndex): number[] {
  return [...paths].flatMap((path) => nodes.get(path) ?? [])
}

function keepRecentlyDead(
  { state, keepDeadMs, now }: CollectArgs,
  graph: Graph,
  nodes: PathIndex,
  alive: Uint8Array,
): void {
  const dead = graph.paths.filter((_, node) => !alive[node])
  const deaths = recordDeaths(state, dead, Math.floor(now / 1000))
  if (keepDeadMs <= 0) return
  const recent = [...deaths].filter(([, time]) => now - time * 1000 < keepDeadMs)
  markAlive(
    graph.keeps,
    alive,
    nodesOf(
      recent.map(([path]) => path),
      nodes,
    ),
  )
}

/** Names in the store that the database does not know and nobody needs. */
function listJunk(
  store: string,
  names: readonly string[],
  paths: readonly string[],
  roots: ReadonlyMap<string, string>,
): string[] {
  return namesWithout(names, paths, store.length + 1)
    .map((name) => `${store}/${name}`)
    .filter((path) => !isInUse(path, store, roots))
}

/** Whether what is no item is there for those that are, or for one that is being made. */
function isInUse(path: string, store: string, roots: ReadonlyMap<string, string>): boolean {
  const name = path.slice(store.length + 1)
  if (name === '.links') return true
  const link = /^\.tmp-link-([0-9]+)-/.exec(name)
  if (link) return existsSync(`/proc/${link[1]}`)
  return roots.has(path) || roots.has(basePath(path))
}

/** The wanted paths in order, up to the first that is alive, with all that refers to them. */
function chooseSpecific(
  { store, paths }: CollectArgs,
  graph: Graph,
  nodes: PathIndex,
  alive: Uint8Array,
  roots: ReadonlyMap<string, string>,
): { candidates: Candidate[]; stillAlive: string | undefined } {
  const wanted: number[] = []
  const junk: Candidate[] = []
  let stillAlive: string | undefined
  for (const path of paths.toSorted()) {
    const node = nodes.get(path)
    if (node === undefined ? roots.has(path) : alive[node]) {
      stillAlive = path
      break
    }
    if (node !== undefined) wanted.push(node)
    else if (!isInUse(path, store, roots) && exists(path)) junk.push({ node: -1, path })
  }
  const reached = closeOverReferrers(graph.references, wanted)
  const order = orderReferrersFirst(graph.references, (node) => reached[node] === 1)
  const valid = Array.from(order, (node) => ({ node, path: graph.paths[node] ?? '' }))
  return { candidates: [...junk, ...valid], stillAlive }
}

function explain(
  { paths: [path = ''] }: CollectArgs,
  graph: Graph,
  nodes: PathIndex,
  roots: ReadonlyMap<string, string>,
): Link[] | undefined {
  const node = nodes.get(path)
  if (node === undefined) return undefined
  const chain = findChain(graph.keeps, nodesOf(roots.keys(), nodes), node)
  return chain?.map((each) => {
    const item = graph.paths[each] ?? ''
    return { path: item, root: roots.get(item) ?? null }
  })
}

/**
 * Hands out candidates, and removes those that come back, until told to finish. One that cannot be removed keeps none of
 * the others, or they would be kept for good: it is there at the next collection, too.
 */
async function removeInBatches(
  { deduplicate }: CollectArgs,
  { ids, nodes, keeps }: Graph,
  alive: Uint8Array,
  candidates: readonly Candidate[],
  port: JobPort,
): Promise<unknown[]> {
  const failures: unknown[] = []
  const { offsets, targets } = keeps
  port.send({ marked: { ids, nodes, offsets, targets, alive } })
  let at = 0
  await new Promise<void>((resolve, reject) => {
    port.onStop = resolve
    port.onMessage = (message) => {
      const command = message as CollectCommand
      if ('finish' in command) return resolve()
      try {
        const { remove, next, inOrder } = command
        // The main thread takes the next ones out of the database while these are removed here.
        const handOut = () => port.send({ batch: candidates.slice(at, (at += next)) })
        if (!inOrder) handOut()
        let freed = 0
        for (const path of remove) {
          fault('gc-before-remove')
          try {
            freed += removeTree(path, deduplicate ? 1 : 0)
          } catch (error) {
            failures.push(error)
            port.send({ log: `cannot delete \`${path}': ${reasonOf(error)}`, level: 0 })
          }
        }
        port.send({ freed })
        if (inOrder) handOut()
      } catch (error) {
        reject(error)
      }
    }
  })
  return failures
}
