// Links equal files of all items to each other.
import type { Session } from '../session.ts'

export async function optimiseStore(session: Session): Promise<{ files: number; bytes: number }> {
  const { store, log } = session
  const total = await store.pool.run<{ files: number; bytes: number }>(
    'deduplicateItems',
    { store: store.config.store, paths: store.database.allPaths() },
    (message) => log(0, `skipping suspicious writable file \`${(message as { skipped: string }).skipped}'`),
  )
  log(0, `${(total.bytes / 2 ** 20).toFixed(2)} MiB freed by hard-linking ${total.files} files`)
  return total
}
