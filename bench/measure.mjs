// Commands in turn, A B C A B C …, so that a machine that gets slower does so for all; medians, and the ratio to the
// first round by round.
export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Rows {name, ms, ratio, spread} of [name, action] pairs; the first is what the others are measured against. */
export async function compare(actions, { rounds = 15, warmUp = 2 } = {}) {
  const times = new Map(actions.map(([name]) => [name, []]))
  for (let round = -warmUp; round < rounds; round++) {
    for (const [name, action] of actions) {
      const start = performance.now()
      const measured = await action()
      const ms = typeof measured === 'number' ? measured : performance.now() - start
      if (round >= 0) times.get(name).push(ms)
    }
  }
  const base = times.get(actions[0][0])
  return actions.map(([name]) => {
    const own = times.get(name)
    const ratios = own.map((ms, round) => ms / base[round])
    const [low, high] = [Math.min(...own), Math.max(...own)]
    return { name, ms: round(median(own)), ratio: round(median(ratios)), low: round(low), high: round(high) }
  })
}

const round = (value) => Number(value.toPrecision(3))

/** A `bench` record; `goal` is the ratio that is aimed at, at most. */
export function report(bench, { name, ms, ratio, low, high }, goal) {
  const ok = goal === undefined ? null : ratio <= goal
  console.log(JSON.stringify({ type: 'bench', bench, name, ms, ratio, goal: goal ?? null, ok, low, high }))
}
