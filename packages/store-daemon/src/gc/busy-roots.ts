// Items that running processes use: their executable, directory, open files, mapped files and environment.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { storeItemOf } from '@plumbline/common/store/store-path'
import type { Turn } from '../work/job.ts'

/** Paths of items, valid or not. What may not be read is passed over: only root sees all processes. */
export async function findBusyRoots(store: string, turn: Turn): Promise<Set<string>> {
  const found = new Set<string>()
  const add = (path: string) => {
    const item = storeItemOf(store, path)
    if (item) found.add(item)
  }
  const inText = new RegExp(`${escape(store)}/[^/\\0\\s:"']+`, 'g')
  for (const pid of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(pid)) continue
    await turn()
    const place = `/proc/${pid}`
    for (const name of ['exe', 'cwd']) attempt(() => add(readlinkSync(`${place}/${name}`, 'latin1')))
    attempt(() => {
      for (const fd of readdirSync(`${place}/fd`))
        attempt(() => add(readlinkSync(`${place}/fd/${fd}`, 'latin1')))
    })
    for (const name of ['maps', 'environ']) {
      attempt(() => {
        const text = readFileSync(`${place}/${name}`, 'latin1')
        if (text.includes(store)) for (const [path] of text.matchAll(inText)) add(path)
      })
    }
  }
  return found
}

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // The process has ended, or is somebody else's.
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
