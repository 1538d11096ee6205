// Row id, information or references of a path that has to be valid.
import { ToolError } from '@plumbline/common/error/tool-error'
import type { PathInfo } from '../database/path-database.ts'
import type { Session } from '../session.ts'

/** Throws PATH_NOT_VALID. */
export function requireId({ store }: Session, path: string): number {
  const id = store.database.idOf(path)
  if (id === undefined) throw new ToolError('PATH_NOT_VALID', { path })
  return id
}

/** Throws PATH_NOT_VALID. */
export function requireInfo({ store }: Session, path: string): PathInfo {
  const info = store.database.info(path)
  if (!info) throw new ToolError('PATH_NOT_VALID', { path })
  return info
}

/** Throws PATH_NOT_VALID. */
export function requireReferences({ store }: Session, path: string): string[] {
  const references = store.database.references(path)
  if (!references) throw new ToolError('PATH_NOT_VALID', { path })
  return references
}

/** The 64 hex digits of a stored hash. */
export function hexHash(info: PathInfo): string {
  return info.hash.replace(/^sha256:/, '')
}
