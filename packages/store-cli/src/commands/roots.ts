// Roots: `roots` lists them, `add-root LINK PATH` makes LINK a symlink to PATH and a root of it.
import { lstatSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonOf } from '@plumbline/common/error/translate'
import { textField, toFilePath } from '@plumbline/common/process/byte-text'
import { randomBytes } from '@plumbline/common/process/random-bytes'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { callNumber } from '@plumbline/common/store/wire/words'
import type { Context } from '../context.ts'
import { addTempRoot, findRoots, isValid } from '../queries.ts'

export async function listRoots(context: Context): Promise<void> {
  for (const { link, target } of await findRoots(context.client)) {
    await context.emit({
      type: 'root',
      ...textField('link', fromByteString(link)),
      path: fromByteString(target),
    })
  }
}

export async function addRoot(context: Context): Promise<void> {
  const [link = '', path = ''] = context.expectOperands(2, 'LINK and PATH')
  if (/^(?!file|unix)[a-z]+:/.test(context.address)) {
    const reason = `A link on this machine is no root of the daemon at ${context.address}`
    throw new ToolError('USAGE', { reason })
  }
  const file = resolve(link)
  try {
    // Until the root is one, the connection is: a collection may come in between.
    await addTempRoot(context.client, toByteString(path))
    if (!(await isValid(context.client, toByteString(path)))) throw new ToolError('PATH_NOT_VALID', { path })
    makeLink(file, path)
    await context.client.call({
      op: callNumber.addIndirectRoot,
      write: (writer) => void writer.string(toByteString(file)),
      read: (reader) => reader.int(),
    })
    await context.emit({ type: 'root', ...textField('link', file), path })
  } catch (error) {
    await context.fail(error, { path })
  }
}

function makeLink(file: string, target: string): void {
  // Never too long, and nobody else's.
  const scratch = toFilePath(join(dirname(file), `.add-root-${randomBytes(8).toString('hex')}`))
  try {
    const found = lstatSync(toFilePath(file), { throwIfNoEntry: false })
    if (found && !found.isSymbolicLink())
      throw new ToolError('CANNOT_CREATE', { path: file, reason: 'it is there, and no symlink' })
    symlinkSync(target, scratch)
    renameSync(scratch, toFilePath(file))
  } catch (error) {
    if (error instanceof ToolError) throw error
    rmSync(scratch, { force: true })
    throw new ToolError('CANNOT_CREATE', { path: file, reason: reasonOf(error) })
  }
}
