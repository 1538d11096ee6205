// The hop types. Adding one is one file and one line here.
import type { Hop } from '../hop.ts'
import { local } from './local.ts'
import { ssh } from './ssh.ts'
import { sudo } from './sudo.ts'

export const hops: Readonly<Record<string, Hop>> = { local, ssh, sudo }
