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
  return placeOf(text, some)
}

function placeOf(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return `line ${before.length} column ${(before.at(-1) ?? '').length + 1}`
}

/** Of two equal keys JSON.parse() takes the last and says nothing. For a text that is JSON. */
export function findDuplicateKey(text: string): { key: string; place: string } | undefined {
  const keys: Set<string>[] = []
  for (const { 0: token, 1: colon, index } of text.matchAll(/[{}]|"(?:[^"\\]|\\.)*"(\s*:)?/g)) {
    if (token === '{') keys.push(new Set())
    else if (token === '}') keys.pop()
    else if (colon !== undefined) {
      const key = token.slice(0, -colon.length)
      const name = JSON.parse(key) as string
      if (keys.at(-1)?.has(name)) return { key, place: placeOf(text, index) }
      keys.at(-1)?.add(name)
    }
  }
  return undefined
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
