// Serves one connection that speaks the worker protocol: greeting, then calls, one after the other.
import type { Duplex } from 'node:stream'
import { ToolError } from '@plumbline/common/error/tool-error'
import { reasonWithFile, toToolError } from '@plumbline/common/error/translate'
import { makeUserProfile } from '../operations/user-profile.ts'
import type { Session } from '../session.ts'
import { Disconnected, type ByteReader } from '@plumbline/common/store/wire/byte-reader'
import type { AnyCall, Wire } from './call.ts'
import { changeCalls } from './change-calls.ts'
import { ConnectionBroken } from './connection-broken.ts'
import { queryCalls } from './query-calls.ts'
import { stayAwake } from './stay-awake.ts'
import { substituteCalls } from './substitute-calls.ts'
import { WireWriter, toWire } from '@plumbline/common/store/wire/wire-writer'
import { clientMagic, daemonMagic, daemonVersion, tag } from '@plumbline/common/store/wire/words'

const calls: Readonly<Record<number, AnyCall>> = { ...queryCalls, ...changeCalls, ...substituteCalls }

/** Replies to pipelined calls that wait for one write. */
const maxPending = 256
/** Bytes that a client has not taken: what is for people is dropped then, so that it cannot fill the memory. */
const maxUnreadLog = 4 * 1024 * 1024

export type Connection = {
  socket: Duplex
  reader: ByteReader
  /** Opens the store at the first need. */
  open: () => Promise<Session>
}

/** Resolves when the client has gone, or the connection has to be closed. */
export async function serveCalls({ socket, reader, open }: Connection): Promise<void> {
  const writer = new WireWriter(socket)
  const wire = await greet(reader, writer, open)
  if (!wire) return
  wire.session.log = makeLog(wire, socket)
  wire.session.output = (bytes) => wire.writer.int(tag.next).bytes(bytes).flush()
  let pending = 0
  for (;;) {
    const more = reader.hasMore()
    if (more !== true && !(await more)) return
    const op = await readOperation(reader)
    if (op === undefined) return
    const goOn = await serveCall(wire, op)
    // Replies to calls that came together go out together.
    pending += 1
    if (goOn && reader.buffered >= 8 && pending < maxPending) continue
    pending = 0
    const drained = writer.flush()
    stayAwake()
    if (drained) await drained
    if (!goOn) return
  }
}

/** Sends text to the client, if it wants so much of it. */
function makeLog({ session, writer }: Wire, socket: Duplex): Session['log'] {
  return (level, text) => {
    if (level > session.options.verbosity || socket.writableLength > maxUnreadLog) return
    writer.next(`${toWire(text)}\n`)
    void writer.flush()
  }
}

/** Undefined when the first word is not the protocol's: the connection is then closed without one. */
async function greet(
  reader: ByteReader,
  writer: WireWriter,
  open: () => Promise<Session>,
): Promise<Wire | undefined> {
  if ((await reader.int()) !== clientMagic) return undefined
  const sent = writer.int(daemonMagic).int(daemonVersion).flush()
  stayAwake()
  if (sent) await sent
  const minor = (await reader.int()) & 0xff
  if (minor >= 14 && (await reader.int()) !== 0) await reader.int()
  const reserve = minor >= 11 ? (await reader.int()) !== 0 : true
  try {
    const session = await open()
    session.store.reserve(reserve)
    if (session.peer.uid !== undefined) makeUserProfile(session.store, session.peer.uid)
    const taken = writer.int(tag.last).flush()
    stayAwake()
    if (taken) await taken
    return { reader, writer, session, minor }
  } catch (error) {
    await writer.error(toWire(toToolError(error).message), minor >= 8 ? 1 : undefined).flush()
    return undefined
  }
}

/** A number above 32 bits ends the connection without a reply. */
async function readOperation(reader: ByteReader): Promise<number | undefined> {
  try {
    return await reader.int()
  } catch (error) {
    if (error instanceof ToolError) return undefined
    throw error
  }
}

/** Whether the connection can go on. */
async function serveCall(wire: Wire, op: number): Promise<boolean> {
  const { session, writer, minor } = wire
  const call = Object.hasOwn(calls, op) ? calls[op] : undefined
  const fail = (error: unknown) => {
    writer.abandon()
    writer.error(describe(error), minor >= 8 ? statusOf(error) : undefined).commit()
  }
  if (!call) {
    fail(new ToolError('WIRE_INVALID', { reason: `invalid operation ${op}` }))
    return false
  }
  let args: unknown
  try {
    const reading = call.read(wire)
    args = reading instanceof Promise ? await reading : reading
  } catch (error) {
    if (error instanceof Disconnected) throw error
    fail(error)
    return false
  }
  try {
    const running = call.run(session, args, wire)
    const result = running instanceof Promise ? await running : running
    writer.int(tag.last)
    call.write(writer, result, wire)
    writer.commit()
    return true
  } catch (error) {
    if (error instanceof Disconnected) throw error
    const broken = error instanceof ConnectionBroken
    if (broken && error.cause instanceof Disconnected) throw error.cause
    fail(broken ? error.cause : error)
    return !broken
  }
}

/** What the client's exit status may be made of. */
function statusOf(error: unknown): number {
  return error instanceof ToolError && error.code === 'BUILD_FAILED' ? Number(error.details['status']) : 1
}

function describe(error: unknown): string {
  return toWire(error instanceof ToolError ? error.message : reasonWithFile(error))
}
