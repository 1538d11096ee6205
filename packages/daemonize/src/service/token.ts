// The token of a REPL on TCP: a file of root's or ours that holds it and nothing else.
import { lstatSync } from 'node:fs'
import { readTrusted, type Found } from './state.ts'

/** With its line end, as it is sent. */
export function readToken(path: string): Found<string> {
  const text = readTrusted(path)
  return 'value' in text && !/^[0-9a-f]{32}\n$/.test(text.value) ? { bad: 'it holds no token' } : text
}

/** What would be lost if a token were put there; a link is nobody's loss. */
export function describeStranger(path: string): string | undefined {
  const found = readToken(path)
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()
  return 'bad' in found && !isLink ? `there is something else: ${found.bad}` : undefined
}
