// What goes over a connection's socket: requests, and the answers that repeat their id.
//
//   client   run | runlines | readfile | writefile          begins a request
//            fork | evaluate                                 the same, of an agent
//            facts                                           what is known of the place, or can be found out
//            input* input_end                                its input: run with "input_follows", writefile, fork
//            more                                            more output may come: bytes the client has taken
//            leave                                           the command is left to end by itself, whoever goes
//            cancel                                          ends the command's process group there
//            describe                                        what the connection is
//            close                                           ends the connection and its clients
//   connect  output*                                         stdout, stderr; or a file's content
//            line*                                           of runlines
//            more                                            more input may come: bytes that have been passed on
//            exit | done | value | facts | described | error       the last answer to a request
//
// Bytes are `data`, or `data_base64` when they are not UTF-8; the same goes for command, cwd, path, input. A run
// with a `window` gets no more than that many bytes of output that it has not asked for with `more`; without one,
// the socket itself holds output back, for all its requests alike. With `encoding` long output is base64 even where it
// is text, which both sides are much quicker at.
// Pure: no I/O.
import * as v from 'valibot'
import { mapOf } from './map-of.ts'
import { connectionRecord } from './connection.ts'
import { factName, someFacts } from './facts.ts'

const id = v.string()
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const text = v.optional(v.string())

const command = {
  command: text,
  command_base64: text,
  cwd: text,
  cwd_base64: text,
  env: v.optional(mapOf(v.string(), v.nullable(v.string()))),
}
const encoding = v.optional(v.literal('base64'))
const path = { path: text, path_base64: text }
const octal = v.pipe(v.string(), v.regex(/^0?[0-7]{3,4}$/, 'expected an octal mode such as "0644"'))

const change = v.variant('change', [
  v.object({ change: v.literal('setuid'), user: v.string() }),
  v.object({ change: v.literal('chroot'), directory: v.string() }),
  v.object({ change: v.literal('setns'), pid: count, uid: count, gid: count, key: text }),
])

export const requestRecord = v.variant('type', [
  v.looseObject({
    type: v.literal('run'),
    id,
    ...command,
    input: text,
    input_base64: text,
    input_follows: v.optional(v.boolean()),
    window: v.optional(count),
    encoding,
  }),
  v.looseObject({ type: v.literal('runlines'), id, ...command }),
  v.looseObject({ type: v.literal('readfile'), id, ...path, window: v.optional(count), encoding }),
  v.looseObject({
    type: v.literal('writefile'),
    id,
    ...path,
    mode: v.optional(octal),
    bytes: v.optional(count),
    input: text,
    input_base64: text,
    input_follows: v.optional(v.boolean()),
  }),
  v.looseObject({
    type: v.literal('fork'),
    id,
    changes: v.array(change),
    input_follows: v.optional(v.boolean()),
    window: v.optional(count),
    encoding,
  }),
  v.looseObject({ type: v.literal('evaluate'), id, source: v.string(), argument: v.unknown() }),
  v.looseObject({ type: v.literal('facts'), id, names: v.optional(v.array(factName)) }),
  v.looseObject({ type: v.literal('input'), id, data: text, data_base64: text }),
  v.looseObject({ type: v.literal('input_end'), id }),
  v.looseObject({ type: v.literal('more'), id, bytes: count }),
  v.looseObject({ type: v.literal('leave'), id }),
  v.looseObject({ type: v.literal('cancel'), id }),
  v.looseObject({ type: v.literal('describe'), id }),
  v.looseObject({ type: v.literal('close'), id }),
])

export type RequestRecord = v.InferOutput<typeof requestRecord>

export const answerRecord = v.variant('type', [
  v.looseObject({
    type: v.literal('output'),
    id,
    stream: v.picklist(['stdout', 'stderr', 'content']),
    data: text,
    data_base64: text,
  }),
  v.looseObject({ type: v.literal('line'), id, line: v.string() }),
  v.looseObject({ type: v.literal('more'), id, bytes: count }),
  v.looseObject({ type: v.literal('exit'), id, status: v.number() }),
  v.looseObject({ type: v.literal('done'), id }),
  v.looseObject({ type: v.literal('described'), id, connection: connectionRecord, clients: count }),
  v.looseObject({ type: v.literal('value'), id, value: v.unknown() }),
  v.looseObject({ type: v.literal('facts'), id, ...someFacts.entries }),
  v.looseObject({
    type: v.literal('error'),
    id,
    tool: v.string(),
    code: v.string(),
    message: v.string(),
    retryable: v.boolean(),
  }),
])

export type AnswerRecord = v.InferOutput<typeof answerRecord>

/** Bytes of output, and of input, that may be on their way unasked. */
export const windowBytes = 512 * 1024
/** Bytes of data in one record at most. */
export const chunkBytes = 64 * 1024
/** A command may be a whole program, so a line of the socket may be longer than one of a pipe. */
export const longestRequest = 64 * 1024 * 1024
