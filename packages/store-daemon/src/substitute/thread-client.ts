// The HTTP client of a worker thread: its connections are kept for the next item.
import { HttpClient } from '../download/http-client.ts'

const idleMs = 30_000
const connections = 16

let opened: Promise<HttpClient> | undefined

/** Certificates are checked: nobody else has to know what a machine installs, or may say that there is nothing. */
export function threadClient(): Promise<HttpClient> {
  opened ??= HttpClient.open({ idleMs, verify: true, connections })
  return opened
}
