// Lines for programs that follow what happens, as guix-daemon and its substituter print them.
// Pure: no I/O.
import type { ErrorDetails } from '@plumbline/common/error/codes'

const size = (bytes: number | null) => (bytes === null ? '-' : String(bytes))

export const formatTrace = {
  started: (path: string) => `@ substituter-started ${path} substitute`,
  succeeded: (path: string) => `@ substituter-succeeded ${path}`,
  failed: (path: string, message: string) => `@ substituter-failed ${path} 1 ${oneLine(message)}`,
  timedOut: (path: string) => `@ substituter-failed ${path} timeout`,
  mismatch: (path: string, { expected, actual }: ErrorDetails) =>
    `@ hash-mismatch ${path} sha256 ${withoutName(expected)} ${withoutName(actual)}`,
  downloadStarted: (path: string, url: string, total: number | null) =>
    `@ download-started ${path} ${url} ${size(total)}`,
  downloadProgress: (path: string, url: string, total: number | null, done: number) =>
    `@ download-progress ${path} ${url} ${size(total)} ${done}`,
  downloadSucceeded: (path: string, url: string, done: number) =>
    `@ download-succeeded ${path} ${url} ${done}`,
}

function withoutName(hash: unknown): string {
  return String(hash).replace(/^sha256:/, '')
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ')
}
