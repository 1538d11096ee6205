// Links equal files of items to each other, some items at a time: the main thread keeps those in the store meanwhile.
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync } from 'node:fs'
import { toPath } from '@plumbline/common/store/byte-string'
import { errnoOf } from '@plumbline/common/error/translate'
import { dumpNarInSteps } from '@plumbline/common/store/nar/dump-nar'
import { deduplicateFile, deduplicationMinimum } from '../store/deduplicate.ts'
import { makeTurns, type Job, type JobPort } from './job.ts'

export type DeduplicateItems = { store: string }
/** What it gave back. */
export type Saved = { files: number; bytes: number }
/** To the main thread: a file that is left alone; or that the next items may come. */
export type FromDeduplicate = { skipped: string } | { next: true }

/** Is sent the items, a list for each `next`; one of none is the last. */
export const deduplicateItems: Job<DeduplicateItems, Saved> = ({ store }, port) => {
  const saved = { files: 0, bytes: 0 }
  const visit = makeVisit(store, port, saved)
  let visiting = Promise.resolve()
  return new Promise((resolve, reject) => {
    port.onMessage = (message) => {
      const paths = message as readonly string[]
      if (paths.length === 0) return resolve(saved)
      visiting = visitAll(paths, visit)
      visiting.then(() => port.send({ next: true } satisfies FromDeduplicate), reject)
    }
    port.onStop = () => void visiting.then(() => resolve(saved), reject)
    port.send({ next: true } satisfies FromDeduplicate)
  })
}

type Visit = (path: string) => Promise<void>

async function visitAll(paths: readonly string[], visit: Visit): Promise<void> {
  for (const path of paths) {
    try {
      await visit(path)
    } catch (error) {
      // Valid, and not there: that is for a verification to say.
      if (errnoOf(error) !== 'ENOENT') throw error
    }
  }
}

function makeVisit(store: string, port: JobPort, saved: Saved): Visit {
  const turn = makeTurns()
  const linked = listLinked(store)
  const visit = async (path: string): Promise<void> => {
    const pause = turn()
    if (pause) await pause
    if (port.stopped) return
    const stat = lstatSync(toPath(path))
    if (stat.isDirectory()) {
      for (const name of readdirSync(toPath(path), 'latin1').sort()) await visit(`${path}/${name}`)
      return
    }
    if (!stat.isFile() || stat.size < deduplicationMinimum || linked.has(stat.ino)) return
    if (stat.mode & 0o200) return port.send({ skipped: path } satisfies FromDeduplicate)
    const hash = createHash('sha256')
    for (const _ of dumpNarInSteps(path, (block) => void hash.update(block))) {
      await turn()
      if (port.stopped) return
    }
    if (deduplicateFile(store, path, hash.digest()) !== 'linked') return
    saved.files++
    saved.bytes += stat.size
  }
  return visit
}

/** The inodes that are shared already. */
function listLinked(store: string): Set<number> {
  const links = `${store}/.links`
  // A collection may be removing some.
  const stats = readdirSync(links).map((name) => lstatSync(`${links}/${name}`, { throwIfNoEntry: false }))
  return new Set(stats.flatMap((stat) => (stat ? [stat.ino] : [])))
}
