// What each record asks for, and the records that answer it. A query's answers are just its answers; work ends with
// an `end` record.
import { getuid } from 'node:process'
import { ToolError } from '@plumbline/common/error/tool-error'
import type { OutRecord } from '@plumbline/common/ndjson/encode'
import { fieldBytes } from '@plumbline/common/ndjson/bytes'
import { fieldText, textField } from '@plumbline/common/process/byte-text'
import { fromByteString, toByteString } from '@plumbline/common/store/byte-string'
import { parseHexHash, formatHash } from '@plumbline/common/store/hash'
import { hashPartLength, isInStore } from '@plumbline/common/store/store-path'
import { chooseIsolation } from '../build/isolation.ts'
import { addText } from '../operations/add-text.ts'
import { collect } from '../operations/collect.ts'
import { optimiseStore } from '../operations/optimise.ts'
import { hexHash, requireId, requireInfo, requireReferences } from '../operations/require-valid.ts'
import { addIndirectRoot, addTempRoot, findValidRoots } from '../operations/roots.ts'
import { verifyStore } from '../operations/verify.ts'
import type { Session } from '../session.ts'
import { makeTurns } from '../work/job.ts'
import type { Requests } from './schemas.ts'

export type Answer = (record: OutRecord) => void | Promise<void>
/** What is only for people to see on the way: dropped when the client has gone, or takes nothing. */
export type Tell = (record: OutRecord) => void
type Operation<Type extends keyof Requests> = (
  session: Session,
  request: Requests[Type],
  answer: Answer,
  tell: Tell,
) => void | Promise<void>

export const operations: { readonly [Type in keyof Requests]: Operation<Type> } = {
  ping: ({ store: { config } }, _, answer) => {
    const isolation = chooseIsolation(getuid?.() ?? 0, config.build.sandbox, config.buildUsersGroup)
    return answer({
      type: 'pong',
      store: config.store,
      protocol: '0x163',
      sandbox: isolation.sandbox,
      build_user: isolation.user,
    })
  },
  'valid-path': (session, { path }, answer) => {
    const valid = session.store.database.idOf(inStore(session, path)) !== undefined
    return answer({ type: 'path', path, valid })
  },
  'path-info': (session, { path }, answer) => {
    const item = inStore(session, path)
    const info = requireInfo(session, item)
    return answer({
      type: 'path-info',
      path,
      hash: formatHash('sha256', parseHexHash('sha256', hexHash(info))),
      deriver: info.deriver,
      references: requireReferences(session, item),
      registered: new Date(info.registrationTime * 1000).toISOString().replace('.000Z', 'Z'),
      nar_size: info.narSize ?? 0,
    })
  },
  references: (session, { path }, answer) =>
    answerPaths(requireReferences(session, inStore(session, path)), answer),
  referrers: (session, { path }, answer) =>
    answerPaths(session.store.database.referrers(inStore(session, path)), answer),
  requisites: async (session, { path }, answer) =>
    answerPaths(await closure(session, inStore(session, path)), answer),
  derivers: (session, { path }, answer) =>
    answerPaths(session.store.database.derivers(inStore(session, path)), answer),
  outputs: async (session, { path }, answer) => {
    for (const output of session.store.database.outputs(requireId(session, inStore(session, path)))) {
      await answer({ type: 'path', path: output.path, output: output.id })
    }
  },
  'from-hash-part': ({ store }, { part }, answer) => {
    if (part.length !== hashPartLength) throw new ToolError('STORE_FAILED', { reason: 'invalid hash part' })
    return answer({ type: 'path', path: store.database.withPrefix(`${store.config.store}/${part}`) ?? null })
  },
  'valid-paths': ({ store }, _, answer) => answerPaths(store.database.allPaths(), answer),
  roots: async (session, _, answer) => {
    for (const { link, target } of await findValidRoots(session)) {
      await answer({ type: 'root', ...textField('link', fromByteString(link)), path: target })
    }
  },
  'add-temp-root': async (session, { path }, answer) => {
    await addTempRoot(session, inStore(session, path))
    await answer({ type: 'path', path })
  },
  'add-root': (session, request, answer) => {
    const link = fieldText(request, 'link')
    if (link === undefined)
      throw new ToolError('STORE_FAILED', { reason: 'expected "link" or "link_base64"' })
    addIndirectRoot(session, toByteString(link))
    return answer({ type: 'root', ...textField('link', link), path: null })
  },
  'add-text': async (session, request, answer) => {
    const contents = fieldBytes(request, 'text')
    if (!contents) throw new ToolError('STORE_FAILED', { reason: 'expected "text" or "text_base64"' })
    const references = request.references.map((path) => inStore(session, path))
    const path = await addText(session, { name: toByteString(request.name), contents, references })
    await answer({ type: 'path', path })
  },
  gc: async (session, request, answer) => {
    if (session.remote) {
      throw new ToolError('STORE_REFUSED', { reason: 'Garbage collection is disabled for remote hosts.' })
    }
    const { paths, action, max_freed_bytes: maxFreed = Infinity, keep_dead_ms: keepDeadMs } = request
    if (paths && action !== 'delete')
      throw new ToolError('STORE_FAILED', {
        reason: `paths are to be deleted, and the action is "${action}"`,
      })
    const wanted = paths?.map((path) => inStore(session, path))
    // On a full disk it is what a collection begins with.
    session.store.reserve(false)
    const result = await collect(session, {
      action: wanted ? 'specific' : action,
      paths: wanted ?? [],
      ignoreLiveness: false,
      maxFreed,
      keepDeadMs,
    }).finally(() => session.store.reserve(true))
    await answerPaths(result.paths, answer)
    await answer(end(true, { paths: result.paths.length, freed_bytes: result.bytesFreed }))
  },
  why: async (session, { path }, answer) => {
    const request = { action: 'why' as const, ignoreLiveness: false, maxFreed: Infinity, keepDeadMs: 0 }
    const { chain } = await collect(session, { ...request, paths: [inStore(session, path)] })
    for (const link of chain ?? []) {
      await answer({
        type: 'path',
        path: link.path,
        ...(link.root === null ? { root: null } : textField('root', fromByteString(link.root))),
      })
    }
    await answer(end(true, { paths: chain?.length ?? 0 }))
  },
  verify: async (session, { contents, repair, from }, answer, tell) => {
    let counts = { checked: 0, bad: 0 }
    const errors = await verifyStore(session, {
      contents,
      repair,
      ...(from !== undefined && { from }),
      onProgress: ({ checked, total, bad, last }) => {
        counts = { checked, bad }
        tell({ type: 'progress', done: checked, total, path: last })
      },
    })
    await answer(end(!errors, counts))
  },
  optimise: async (session, _, answer) => {
    const { files, bytes } = await optimiseStore(session)
    await answer(end(true, { files, freed_bytes: bytes }))
  },
}

/** Throws NOT_IN_STORE. */
function inStore({ store }: Session, text: string): string {
  const path = toByteString(text)
  if (!isInStore(store.config.store, path)) throw new ToolError('NOT_IN_STORE', { path: text })
  return path
}

async function closure(session: Session, path: string): Promise<string[]> {
  const turn = makeTurns()
  const seen = new Set([path])
  for (const each of seen) {
    for (const reference of requireReferences(session, each)) seen.add(reference)
    const pause = turn()
    if (pause) await pause
  }
  return [...seen].sort()
}

async function answerPaths(paths: readonly string[], answer: Answer): Promise<void> {
  for (const path of paths) await answer({ type: 'path', path: fromByteString(path) })
}

function end(ok: boolean, counts: Record<string, number>): OutRecord {
  return { type: 'end', tool: 'store-daemon', ok, counts }
}
