// Waits for a state that is sure to come, and that stays once it has: nothing else may be waited for like this.

const pauseMs = 5

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, pauseMs))
}
