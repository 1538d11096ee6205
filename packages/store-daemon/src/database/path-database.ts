// What the database says about paths: one prepared statement a question.
//
// Other processes may write to the same file (guix-daemon, Guix's own database code), so what is remembered here is
// dropped whenever SQLite's data_version says that one of them did. That is asked once a turn of the event loop.
import type { Connection } from './open.ts'
import { validCache } from './valid-cache.ts'

export type PathInfo = {
  id: number
  /** "sha256:" and 64 hex digits. */
  hash: string
  registrationTime: number
  deriver: string | null
  narSize: number | null
}

export type PathDatabase = ReturnType<typeof makePathDatabase>

export function makePathDatabase(connection: Connection) {
  const prepare = (sql: string) => connection.prepare<unknown[], Record<string, unknown>>(sql)
  const strings = (sql: string) => connection.prepare<unknown[], string>(sql).pluck()
  const numbers = (sql: string) => connection.prepare<unknown[], number>(sql).pluck()

  const idOf = numbers('select id from ValidPaths where path = ?')
  const info = prepare(
    'select id, hash, registrationTime, deriver, narSize from ValidPaths where path = ?',
  ) as unknown as { get: (path: string) => PathInfo | undefined }
  // A row for each, one of nothing when there are none, and none when the path is not valid: to ask for its id first
  // would be a transaction of its own, which costs as much as what is asked.
  const references = connection
    .prepare<unknown[], string | null>(
      `select r.path from ValidPaths v left join Refs on referrer = v.id left join ValidPaths r on r.id = reference
       where v.path = ? order by r.path`,
    )
    .pluck()
  const referrers = strings(
    'select path from Refs join ValidPaths on referrer = id where reference = (select id from ValidPaths where path = ?) order by path',
  )
  const outputs = connection.prepare<unknown[], { id: string; path: string }>(
    'select id, path from DerivationOutputs where drv = ? order by id',
  )
  const derivers = strings(
    'select v.path from DerivationOutputs d join ValidPaths v on d.drv = v.id where d.path = ? order by v.path',
  )
  const all = strings('select path from ValidPaths order by path')
  const atLeast = strings('select path from ValidPaths where path >= ? limit 1')
  // One long string costs a fifth of stepping through rows: each row is a call into SQLite.
  const hashes = connection
    .prepare<unknown[], string | null>(
      `select group_concat(path || ' ' || substr(hash, 8), char(10)) from ValidPaths
       where path between ? and ? and narSize > 0`,
    )
    .pluck()
  const largestId = numbers('select ifnull(max(id), 0) from ValidPaths')
  const failed = strings('select path from FailedPaths order by path')
  const hasFailed = numbers('select 1 from FailedPaths where path = ?')
  const addFailed = connection.prepare("insert or ignore into FailedPaths values (?, strftime('%s', 'now'))")
  const clearFailed = connection.prepare("delete from FailedPaths where @path = '*' or path = @path")
  const remove = connection.prepare(
    'delete from ValidPaths where id = @id and not exists (select 1 from Refs where reference = @id and referrer != @id)',
  )
  const known = validCache(connection)

  return {
    connection,
    /** Row id of a valid path. */
    idOf: (path: string): number | undefined => {
      const cached = known.get(path)
      if (cached !== undefined) return cached
      const id = idOf.get(path)
      if (id !== undefined) known.set(path, id)
      return id
    },
    /** Makes a path invalid, unless something else refers to it; whether it did. */
    invalidate: (id: number, path: string): boolean => {
      known.delete(path)
      return remove.run({ id }).changes === 1
    },
    forgetAll: () => known.clear(),
    info: (path: string): PathInfo | undefined => info.get(path),
    /** Undefined when the path is not valid. */
    references: (path: string): string[] | undefined => {
      const rows = references.all(path)
      return rows.length === 0 ? undefined : rows.filter((row) => row !== null)
    },
    referrers: (path: string): string[] => referrers.all(path),
    outputs: (drv: number): { id: string; path: string }[] => outputs.all(drv),
    derivers: (path: string): string[] => derivers.all(path),
    allPaths: (): string[] => all.all(),
    /** No fewer than there are valid paths. */
    largestId: (): number => largestId.get() ?? 0,
    /** Path → 64 hex digits, of what is valid from one path to another, and has a size. */
    hashes: (first: string, last: string): Map<string, string> => {
      const lines = (hashes.get(first, last) ?? '').split('\n')
      return new Map(lines.map((line) => [line.slice(0, -65), line.slice(-64)]))
    },
    /** The first valid path at or after `prefix` in byte order, if it starts with it. */
    withPrefix: (prefix: string): string | undefined => {
      const path = atLeast.get(prefix)
      return path?.startsWith(prefix) ? path : undefined
    },
    failedPaths: (): string[] => failed.all(),
    hasFailed: (path: string): boolean => hasFailed.get(path) !== undefined,
    addFailedPath: (path: string) => void addFailed.run(path),
    clearFailedPath: (path: string) => void clearFailed.run({ path }),
  }
}
