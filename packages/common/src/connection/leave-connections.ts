// What a program does with the connections it reads when it has refused its own arguments.
import { isInputAbsent } from '../cli/input.ts'
import { openClient } from './client.ts'
import { readConnections } from './read-connections.ts'

/** Connects to each and leaves again: whoever serves them need then not wait for a client that never comes. */
export async function leaveConnections(signal: AbortSignal, environment: NodeJS.ProcessEnv): Promise<void> {
  if (isInputAbsent()) return
  try {
    for await (const item of readConnections({ hint: '', signal, environment })) {
      if (item.kind === 'connection') await (await openClient(item.record)).close()
    }
  } catch {
    // Nothing depends on this stream any more.
  }
}
