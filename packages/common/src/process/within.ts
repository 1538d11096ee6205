// A limit on the time that something is waited for.

/** What `done` comes to, or undefined after `ms` milliseconds. Rejects as `done` does. */
export async function within<T>(done: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)))
  try {
    return await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}
