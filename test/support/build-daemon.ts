// A store daemon that builds, with a client of it and what makes derivations for it, until the end of the test file.
import { Derivations } from './build.ts'
import type { Scratch } from './scratch.ts'
import { TestStore, type StoreOptions } from './store.ts'
import type { WireClient } from './wire.ts'

export type BuildDaemon = { daemon: TestStore; client: WireClient; derivations: Derivations; logs: string }

export async function startBuildDaemon(
  scratch: Scratch,
  name: string,
  options: StoreOptions = {},
): Promise<BuildDaemon> {
  const logs = scratch.file(`${name}/log`)
  const env = { GUIX_LOG_DIRECTORY: logs, ...options.env }
  const daemon = new TestStore(scratch, name, { ...options, env })
  await daemon.start()
  const client = await daemon.connect()
  scratch.onEnd(() => client.close())
  return { daemon, client, derivations: new Derivations(client, daemon.store), logs }
}
