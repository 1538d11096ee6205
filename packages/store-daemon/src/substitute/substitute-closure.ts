// Makes items valid with all that they refer to, from substitutes: many at a time, each after its references.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { Session } from '../session.ts'
import { openSubstituter, type SubstituteInfo, type Substituter } from './substituter.ts'

/** What was wanted and cannot be had, because it or something it refers to is offered by nobody. */
export type Missing = ReadonlySet<string>

/** Throws STORE_FAILED when something that is offered cannot be fetched. */
export async function substituteClosure(session: Session, wanted: readonly string[]): Promise<Missing> {
  const substituter = openSubstituter(session)
  const controller = new AbortController()
  const signal = AbortSignal.any([session.signal, controller.signal])
  const infos = await findClosure(session, substituter, wanted, signal)
  const missing = findMissing(session, infos, wanted)
  const fetched = new Map<string, Promise<void>>()
  for (const { path, references } of sortByReferences(infos)) {
    const info = infos.get(path)
    if (!info || missing.has(path)) continue
    const waitFor = references.flatMap((reference) =>
      reference === path ? [] : (fetched.get(reference) ?? []),
    )
    const { log } = session
    const fetching = Promise.all(waitFor).then(() => substituter.fetch(info, { log, signal, repair: false }))
    // One failure ends the whole: what is under way need not be finished.
    fetched.set(
      path,
      fetching.catch((error: unknown) => {
        controller.abort()
        throw error
      }),
    )
  }
  const results = await Promise.allSettled(fetched.values())
  const failures = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  )
  const [failure] = failures
  if (failure) throw failure
  return missing
}

/** Offers for all that has to be fetched, a batch for each step away from what is wanted. */
async function findClosure(
  session: Session,
  substituter: Substituter,
  wanted: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, SubstituteInfo>> {
  const { store, roots } = session
  const infos = new Map<string, SubstituteInfo>()
  const seen = new Set(wanted)
  for (let batch = [...seen]; batch.length > 0;) {
    // First a root, then the question: a collection must not come in between.
    for (const path of batch) await store.tempRoots.add(roots, path)
    const unknown = batch.filter((path) => store.database.idOf(path) === undefined)
    const found = await substituter.query(unknown, signal)
    batch = []
    for (const [path, info] of found) {
      infos.set(path, info)
      for (const reference of info.references) {
        if (!seen.has(reference)) batch.push(reference)
        seen.add(reference)
      }
    }
  }
  return infos
}

/** All that would lack a reference. */
function findMissing(
  { store }: Session,
  infos: ReadonlyMap<string, SubstituteInfo>,
  wanted: readonly string[],
): Set<string> {
  const referrers = new Map<string, string[]>()
  const missing = new Set<string>()
  const check = (path: string) => {
    if (!infos.has(path) && store.database.idOf(path) === undefined) missing.add(path)
  }
  for (const path of wanted) check(path)
  for (const { path, references } of infos.values()) {
    for (const reference of references) {
      check(reference)
      const others = referrers.get(reference)
      if (others) others.push(path)
      else referrers.set(reference, [path])
    }
  }
  for (const path of missing) for (const referrer of referrers.get(path) ?? []) missing.add(referrer)
  return missing
}

/** Each after what it refers to. Throws STORE_FAILED for a cycle, which no store can have made. */
function sortByReferences(infos: ReadonlyMap<string, SubstituteInfo>): SubstituteInfo[] {
  const sorted: SubstituteInfo[] = []
  const state = new Map<string, 'open' | 'done'>()
  for (const root of infos.keys()) {
    const stack = [{ path: root, next: 0 }]
    for (let step = stack.at(-1); step; step = stack.at(-1)) {
      const info = infos.get(step.path)
      const isNew = step.next === 0
      if (!info || (isNew && state.get(step.path) === 'done')) {
        stack.pop()
        continue
      }
      state.set(step.path, 'open')
      const reference = info.references[step.next++]
      if (reference === undefined) {
        state.set(step.path, 'done')
        sorted.push(info)
        stack.pop()
      } else if (reference !== step.path && state.get(reference) !== 'done') {
        if (state.get(reference) === 'open') {
          throw new ToolError('STORE_FAILED', {
            reason: `cycle detected in the references of \`${reference}'`,
          })
        }
        stack.push({ path: reference, next: 0 })
      }
    }
  }
  return sorted
}
