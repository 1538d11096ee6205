// Where a text that is no JSON goes wrong: V8 before Node 22 tells an offset at most, and not for every mistake.
// Pure: no I/O.

/** "line 2 column 7", for people. */
export function findJsonMistake(text: string): string {
  // The longest beginning that could still become JSON, between one that could and one that could not.
  let [some, all] = [0, text.length]
  while (some < all) {
    const half = Math.ceil((some + all) / 2)
    if (mayGoOn(text.slice(0, half))) some = half
    else all = half - 1
  }
  const before = text.slice(0, some).split('\n')
  return `line ${before.length} column ${(before.at(-1) ?? '').length + 1}`
}

/** It is JSON, or what V8 misses comes after it. */
function mayGoOn(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    const position = / at position (\d+)/.exec(message)?.[1]
    return position === undefined ? message.startsWith('Unexpected end') : Number(position) >= text.length
  }
}
