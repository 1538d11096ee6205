// Gets the nar of an item from one place: download, decompress, hash and unpack in one pass, in bounded memory.
import { createHash } from 'node:crypto'
import { formatHash } from '@plumbline/common/store/hash'
import { ToolError } from '@plumbline/common/error/tool-error'
import { openUrl } from '../download/open-url.ts'
import { NarUnpacker } from '../store/nar-unpacker.ts'
import { makeTurns, type Job } from '../work/job.ts'
import type { Location } from './claim.ts'
import { decompress } from './decompress.ts'
import { threadClient } from './thread-client.ts'

export type FetchArgs = {
  store: string
  target: string
  deduplicate: boolean
  /** Hex sha256. */
  narHash: string
  narSize: number
  location: Location
  onlyPublic: boolean
}

/** Bytes so far, and of the whole, null when unknown. */
export type FetchProgress = { done: number; size: number | null }

/** `links`: files of `.links` that were made for it. */
export type Fetched = { downloaded: number; links: readonly string[] }

const reportMs = 200
/** Compressed data is seldom longer than what it stands for, and then not by much. */
const maxOverhead = 1024 * 1024

/**
 * Sends FetchProgress; the target is there when it resolves, and nothing is left when it rejects. Throws HASH_MISMATCH,
 * SUBSTITUTE_INVALID, NAR_…, STORE_FAILED, DOWNLOAD_….
 */
export const fetchNar: Job<FetchArgs, Fetched> = async (args, port) => {
  const { store, target, deduplicate, location, narHash, narSize, onlyPublic } = args
  const cancelled = new AbortController()
  port.onStop = () => cancelled.abort()
  const unpacker = new NarUnpacker({ store, target, deduplicate, algorithm: 'sha256', recursive: true })
  // Without compression the file is the nar: one hash does for both.
  const isPlain = location.compression === 'none'
  const fileHash = location.fileHash !== null && !isPlain ? createHash('sha256') : undefined
  const turn = makeTurns()
  const progress: FetchProgress = { done: 0, size: null }
  let reported = 0
  const report = () => {
    reported = performance.now()
    port.send({ ...progress })
  }
  const source = async function* () {
    const chunks = openUrl(new URL(location.url), threadClient, {
      signal: cancelled.signal,
      size: location.fileSize,
      maxBytes: location.fileSize ?? narSize + maxOverhead,
      onlyPublic,
      onStart: (size) => {
        progress.size = size
        report()
      },
    })
    for await (const chunk of chunks) {
      if (cancelled.signal.aborted) throw new ToolError('CANCELLED', { what: 'The download' })
      fileHash?.update(chunk)
      progress.done += chunk.length
      yield chunk
      if (performance.now() - reported > reportMs) report()
      await turn()
    }
  }
  const take = (bytes: Buffer) => {
    if (unpacker.push(bytes) < bytes.length) throw invalid('bytes follow the nar')
    if (unpacker.size > narSize) throw invalid(`it has more than ${narSize} bytes`)
  }
  try {
    if (isPlain && location.fileHash !== null)
      checkHash('its file', location.fileHash, Buffer.from(narHash, 'hex'))
    await decompress(location.compression, source(), take)
    report()
    if (location.fileSize !== null && progress.done !== location.fileSize) {
      throw invalid(`its file has ${progress.done} bytes, not ${location.fileSize}`)
    }
    if (fileHash) checkHash('its file', location.fileHash ?? '', fileHash.digest())
    const { failure, canonical, links, narHash: found } = unpacker.finish()
    checkHash('it', narHash, found)
    if (unpacker.size !== narSize) throw invalid(`it has ${unpacker.size} bytes, not ${narSize}`)
    if (failure) throw invalid(`${failure.verb} \`${failure.path}': ${failure.reason}`)
    // What was hashed has to be what a later check of the tree will hash.
    if (!canonical) throw invalid('its entries are not in order')
    return { downloaded: progress.done, links }
  } catch (error) {
    unpacker.abandon()
    throw error
  }
}

function checkHash(what: string, expected: string, found: Uint8Array): void {
  const actual = Buffer.from(found)
  if (actual.toString('hex') === expected) return
  const show = (bytes: Buffer) => formatHash('sha256', bytes)
  throw new ToolError('HASH_MISMATCH', {
    what,
    expected: show(Buffer.from(expected, 'hex')),
    actual: show(actual),
  })
}

function invalid(reason: string): ToolError {
  return new ToolError('SUBSTITUTE_INVALID', { reason })
}
