// What the log of a build is called.
import { logNameOf } from '@plumbline/common/store/build-log-file'

/** As build traces show it: with two slashes after XX, as guix-daemon does. */
export function logFileOf(logs: string, derivation: string, compressed: boolean): string {
  return `${logNameOf(logs, derivation, '//')}${compressed ? '.gz' : ''}`
}
