// The end of a run that is broken off, as something to race with.

/** Rejects with the signal's reason, until it is `settled`. That nobody waits for it is no error. */
export function aborted(signal: AbortSignal, settled?: AbortSignal): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    const breakOff = () => reject(signal.reason as Error)
    if (signal.aborted) breakOff()
    signal.addEventListener('abort', breakOff, { once: true, ...(settled && { signal: settled }) })
  })
  broken.catch(() => undefined)
  return broken
}
