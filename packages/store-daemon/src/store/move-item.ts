// Moves an item that has its canonical form already.
import { chmodSync, lstatSync, lutimesSync, renameSync } from 'node:fs'
import { errnoOf } from '@plumbline/common/error/translate'
import { toPath } from '@plumbline/common/store/byte-string'
import { native } from '@plumbline/common/syscall/native'

/** `to` is free, and in the same file system. */
export function moveItem(from: string, to: string): void {
  whileWritable([from], [to], () => renameSync(toPath(from), toPath(to)))
}

/** Puts `from` in the place of `to`, and the other way round: whoever looks sees one of them, whole. */
export function exchangeItems(from: string, to: string): void {
  whileWritable([from, to], [from, to], () => void native().exchange(from, to))
}

/** To move a directory is to change its `..`: whoever is not root needs the right to write to it (rename(2), EACCES). */
function whileWritable(before: readonly string[], after: readonly string[], move: () => void): void {
  try {
    return move()
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
  }
  const isDirectory = (path: string) => lstatSync(toPath(path)).isDirectory()
  for (const path of before) if (isDirectory(path)) chmodSync(toPath(path), 0o755)
  move()
  for (const path of after) {
    if (!isDirectory(path)) continue
    chmodSync(toPath(path), 0o555)
    lutimesSync(toPath(path), 1, 1)
  }
}
