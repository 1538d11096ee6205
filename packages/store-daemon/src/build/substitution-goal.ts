// Makes one path valid from a substitute, after all that it refers to.
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
  const outcomes = await Promise.all(references.map((reference) => goals.substitution(reference)))
  if (outcomes.some((outcome) => outcome === 'unavailable' || outcome === 'incomplete')) return 'incomplete'
  if (outcomes.some((outcome) => outcome !== 'done')) return 'broken'
  const release = await goals.downloads.take(`a$${storeName(path)}$${path}`, signal)
  const trace = (text: string) => {
    if (session.options.printBuildTrace) session.log(0, `@ ${text}`)
  }
  try {
    session.log(1, `fetching path \`${path}'...`)
    trace(`substituter-started ${path} substitute`)
    await goals.substituter.fetch(info, { log: session.log, signal, repair })
    trace(`substituter-succeeded ${path}`)
    return 'done'
  } catch (error) {
    signal.throwIfAborted()
    const { message } = toToolError(error)
    session.log(0, message)
    trace(`substituter-failed ${path} 1 ${message}`)
    return 'broken'
  } finally {
    release()
  }
}
