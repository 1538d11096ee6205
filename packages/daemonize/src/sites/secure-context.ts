// What is wrong with a certificate and its key, in OpenSSL's words without its numbers.
import { createSecureContext } from 'node:tls'
import { reasonOf } from '@plumbline/common/error/translate'
import type { HostTls } from './host-configuration.ts'

export function describeTlsMistake(tls: HostTls): string | undefined {
  try {
    createSecureContext(tls)
    return undefined
  } catch (error) {
    const { reason } = error as { reason?: unknown }
    return typeof reason === 'string' ? reason : reasonOf(error)
  }
}
