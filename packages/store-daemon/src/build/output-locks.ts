// Locks on all outputs of a derivation.
import { setTimeout as delay } from 'node:timers/promises'
import { tryLockPath, unlockPath } from '../store/path-locks.ts'

const firstPollMs = 20

/** Takes all or none, in order, and tries again until it has them; `onWait` is told if that takes time. */
export async function lockOutputs(
  paths: readonly string[],
  { pollMs, signal, onWait }: { pollMs: number; signal: AbortSignal; onWait: () => void },
): Promise<() => void> {
  const sorted = [...new Set(paths)].sort()
  for (let wait = firstPollMs; ; wait = Math.min(wait * 2, Math.max(pollMs, firstPollMs))) {
    signal.throwIfAborted()
    const held: string[] = []
    for (const path of sorted) {
      if (!tryLockPath(path)) break
      held.push(path)
    }
    const release = () => held.forEach(unlockPath)
    if (held.length === sorted.length) return release
    release()
    if (wait === firstPollMs) onWait()
    await delay(wait, undefined, { signal })
  }
}
