// Waits for a state that is sure to come, and that stays once it has: nothing else may be waited for like this.

const pauseMs = 5
/** Less than a test may take, so that it fails with what it waited for, and no loop outlives it. */
export const patienceMs = 50_000

export async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + patienceMs
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`waited ${patienceMs / 1000} s in vain for ${isSo}`)
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
}
