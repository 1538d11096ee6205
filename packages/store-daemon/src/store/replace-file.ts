// Writes a file so that, whenever the process dies, there is the old one or the whole new one.
import { renameSync, writeFileSync } from 'node:fs'
import { fault } from '../fault.ts'

/** `text` is a byte string. What a process that died here has left is overwritten by the next one. */
export function replaceFile(file: string, text: string, mode = 0o644): void {
  const scratch = `${file}.new`
  writeFileSync(scratch, text, { encoding: 'latin1', mode })
  fault('replace-before-rename')
  renameSync(scratch, file)
}
