// Forgets that builds have failed.
import type { Session } from '../session.ts'

/** `*` is all of them; a derivation stands for its outputs as well. */
export async function clearFailedPaths({ store }: Session, paths: readonly string[]): Promise<void> {
  const { database, registrar } = store
  await registrar.write(() => {
    for (const path of paths) {
      database.clearFailedPath(path)
      const id = path.endsWith('.drv') ? database.idOf(path) : undefined
      if (id !== undefined) for (const output of database.outputs(id)) database.clearFailedPath(output.path)
    }
  })
}
