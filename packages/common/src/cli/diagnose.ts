// Sentences for people, on standard error: `tool: sentence`.
import { writeSync } from 'node:fs'
import { printable } from './printable.ts'

export type Diagnose = (sentence: string) => void

export function makeDiagnose(tool: string): Diagnose {
  return (sentence) => writeDiagnostic(`${tool}: ${printable(sentence)}\n`)
}

/** Standard error that is closed or full must not end the work that it was to describe. */
export function writeDiagnostic(text: string): void {
  try {
    writeSync(2, text)
  } catch {
    // There is nowhere left to say it.
  }
}
