// This machine as the connection beneath a first hop.
import { hostname } from 'node:os'
import { openLocal } from '@plumbline/common/connection/open-local'
import type { Lower } from './hop.ts'

export function openThisMachine(environment: NodeJS.ProcessEnv): Lower {
  return { ...openLocal(environment), host: hostname(), hops: [] }
}
