// Makes one path valid from a substitute, after all that it refers to.
import { ToolError } from '@plumbline/common/error/tool-error'
import { toToolError } from '@plumbline/common/error/translate'
import { storeName } from '@plumbline/common/store/store-path'
import { addTempRoot } from '../operations/roots.ts'
import type { Goals, Outcome } from './goals.ts'

export async function substitute(goals: Goals, path: string, repair: boolean): Promise<Outcome> {
  const { session, signal } = goals
  const { database } = session.store
  await addTempRoot(session, path)
  if (database.idOf(path) !== undefined && !repair) return 'done'
  if (!session.options.useSubstitutes) return 'unavailable'
  const info = await goals.substituteInfo(path)
  if (!info) return 'unavailable'
  const references = info.references.filter((reference) => reference !== path)
  const outcomes = await waitFor(goals, path, references)
  if (outcomes.some((outcome) => outcome === 'unavailable' || outcome === 'incomplete')) return 'incomplete'
  if (outcomes.some((outcome) => outcome !== 'done')) return 'broken'
  const release = await goals.downloads.take(`a$${storeName(path)}$${path}`, signal)
  try {
    await goals.substituter.fetch(info, { log: session.log, signal, repair })
    return 'done'
  } catch (error) {
    signal.throwIfAborted()
    session.log(0, toToolError(error).message)
    return 'broken'
  } finally {
    release()
  }
}

/** What waits for what: goals that waited for each other would do so for ever. */
const waits = new WeakMap<Goals, Map<string, readonly string[]>>()

/** Throws STORE_FAILED for references that lead back, which no store can have made. */
async function waitFor(goals: Goals, path: string, references: readonly string[]): Promise<Outcome[]> {
  const waiting = waits.get(goals) ?? new Map<string, readonly string[]>()
  waits.set(goals, waiting)
  const seen = new Set(references)
  for (const reference of seen) for (const next of waiting.get(reference) ?? []) seen.add(next)
  if (seen.has(path)) {
    throw new ToolError('STORE_FAILED', { reason: `cycle detected in the references of \`${path}'` })
  }
  waiting.set(path, references)
  try {
    return await Promise.all(references.map((reference) => goals.substitution(reference)))
  } finally {
    waiting.delete(path)
  }
}
