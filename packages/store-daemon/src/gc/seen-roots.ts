// Where each root was last seen to lead. Guix's state has no place for it, so it is a file of our own beside: for each
// root its name below the state directory, the link it is called after, and the item, each followed by a NUL.
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readStateFile } from '../store/read-state-file.ts'
import { replaceFile } from '../store/replace-file.ts'
import type { Root } from './find-roots.ts'

export function readSeenRoots(state: string): Map<string, Root> {
  const words = (readStateFile(fileOf(state)) ?? '').split('\0')
  const seen = new Map<string, Root>()
  for (let at = 0; at + 3 < words.length; at += 3) {
    const [path = '', link = '', target = ''] = words.slice(at, at + 3)
    seen.set(path, { link, target })
  }
  return seen
}

/** While nobody else collects. */
export function writeSeenRoots(state: string, seen: ReadonlyMap<string, Root>): void {
  const file = fileOf(state)
  const text = [...seen].map(([path, { link, target }]) => `${path}\0${link}\0${target}\0`).join('')
  if (text === (readStateFile(file) ?? '')) return
  mkdirSync(dirname(file), { recursive: true })
  replaceFile(file, text)
}

function fileOf(state: string): string {
  return join(state, 'plumbline/roots')
}
