// Call 19: what a client sets for its connection. Which fields there are depends on the client's version.
import { ToolError } from '@plumbline/common/error/tool-error'
import { makeUserProfile } from '../operations/user-profile.ts'
import type { Options, Session } from '../session.ts'
import { makeCall, type Wire } from './call.ts'

/** Settings that every client may make. */
const forEveryone = new Set([
  'build-timeout',
  'build-max-silent-time',
  'build-max-jobs',
  'build-cores',
  'build-repeat',
  'multiplexed-build-output',
])
const booleans = new Set([
  'build-fallback',
  'multiplexed-build-output',
  'fsync-metadata',
  'use-sqlite-wal',
  'sync-before-registering',
  'build-use-substitutes',
  'build-use-chroot',
  'build-impersonate-linux-26',
  'build-keep-log',
  'build-cache-failure',
  'gc-check-reachability',
  'gc-keep-outputs',
  'gc-keep-derivations',
  'auto-optimise-store',
  'env-keep-derivations',
])
const integers = new Set([
  'build-max-jobs',
  'build-cores',
  'build-max-silent-time',
  'build-timeout',
  'gc-reserved-space',
  'build-max-log-size',
  'build-poll-interval',
  'build-repeat',
])

/** Fields of the call that are options as they are. */
type Plain = 'keepGoing' | 'fallback' | 'verbosity' | 'buildVerbosity' | 'printBuildTrace' | 'offload'

type Given = Pick<Options, Plain | 'keepFailed'> & {
  /** Undefined when the client is too old to say. */
  useSubstitutes: boolean | undefined
  pairs: (readonly [string, string])[]
}

const maxPairs = 1000
const maxText = 64 * 1024
/** Of one call, and of all that a connection has set. */
const maxBytes = 1024 * 1024

export const setOptions = makeCall<Given, void>({ read, run: apply, write: () => undefined })

async function read({ reader, minor }: Wire): Promise<Given> {
  const given: Given = {
    keepFailed: await reader.bool(),
    keepGoing: await reader.bool(),
    fallback: await reader.bool(),
    verbosity: await reader.int(),
    buildVerbosity: 0,
    printBuildTrace: false,
    offload: true,
    useSubstitutes: undefined,
    pairs: [],
  }
  if (minor < 0x61) {
    given.pairs.push(['build-max-jobs', String(await reader.int())])
    given.pairs.push(['build-max-silent-time', String(await reader.int())])
  }
  if (minor >= 2) given.offload = await reader.bool()
  if (minor >= 4) {
    given.buildVerbosity = await reader.int()
    await reader.int()
    given.printBuildTrace = await reader.bool()
  }
  if (minor >= 6 && minor < 0x61) given.pairs.push(['build-cores', String(await reader.int())])
  if (minor >= 10) given.useSubstitutes = await reader.bool()
  if (minor >= 12) {
    const count = await reader.int()
    if (count > maxPairs) throw new ToolError('WIRE_INVALID', { reason: `${count} options are too many` })
    let left = maxBytes
    const string = async () => {
      const text = await reader.string(Math.min(maxText, left))
      left -= text.length
      return text
    }
    for (let index = 0; index < count; index++) given.pairs.push([await string(), await string()])
  }
  return given
}

function apply(session: Session, { keepFailed, useSubstitutes, pairs, ...plain }: Given): void {
  const { options, remote, trusted } = session
  Object.assign(options, plain satisfies Pick<Options, Plain>)
  options.keepFailed = keepFailed && !remote
  // A client may do without substitutes, and not turn on what is off.
  if (useSubstitutes === false) options.useSubstitutes = false
  const settings = new Map(options.settings)
  for (const [name, value] of pairs) {
    if (name === 'user-name' && session.peer.uid === undefined) makeUserProfile(session.store, value)
    else if (trusted || forEveryone.has(name)) settings.set(name, value)
    else settings.set(`untrusted-${name}`, value)
  }
  let bytes = 0
  for (const [name, value] of settings) bytes += name.length + value.length
  if (settings.size > maxPairs || bytes > maxBytes)
    throw new ToolError('STORE_FAILED', { reason: 'too many options have been set' })
  options.settings = settings
  readSettings(options)
}

function readSettings(options: Options): void {
  for (const [name, value] of options.settings) {
    if (booleans.has(name) && value !== 'true' && value !== 'false') {
      throw new ToolError('STORE_FAILED', {
        reason: `configuration option \`${name}' should be either \`true' or \`false', not \`${value}'`,
      })
    }
    if (integers.has(name) && !/^-?[0-9]+$/.test(value)) {
      throw new ToolError('STORE_FAILED', {
        reason: `configuration setting \`${name}' should have an integer value`,
      })
    }
  }
  const flag = (name: string, otherwise: boolean) => {
    const value = options.settings.get(name)
    return value === undefined ? otherwise : value === 'true'
  }
  options.keepOutputs = flag('gc-keep-outputs', options.keepOutputs)
  options.keepDerivations = flag('gc-keep-derivations', options.keepDerivations)
  options.useSubstitutes &&= flag('build-use-substitutes', true)
}
