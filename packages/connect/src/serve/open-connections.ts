// The connections that are being served for this user, found by their sockets, and asked one by one.
import { once } from 'node:events'
import { lstatSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { privatePrefix, removeStaleSocket } from '@plumbline/common/connection/stale-socket'
import { encodeRecord } from '@plumbline/common/ndjson/encode'
import { readRecords } from '@plumbline/common/ndjson/read'
import { answerRecord, longestRequest, type AnswerRecord } from '@plumbline/common/records/verb'
import { validate } from '@plumbline/common/records/validate'
import type { ConnectionRecord } from '@plumbline/common/records/connection'

export type OpenConnection = { record: ConnectionRecord; clients: number }

/** In the order in which they were opened: an id begins with its time. */
export async function findConnections(environment: NodeJS.ProcessEnv): Promise<OpenConnection[]> {
  const found = await Promise.all(findSockets(environment).map(describe))
  return found.filter((each) => each !== undefined).toSorted((a, b) => (a.record.id < b.record.id ? -1 : 1))
}

/** Resolves when the connection has been torn down; false when it had gone before it was asked. */
export async function closeConnection({ socket }: ConnectionRecord): Promise<boolean> {
  const answer = await ask(socket, 'close')
  // The last one of a process may end before its answer is on its way.
  return answer === 'ended' || answer?.type === 'done'
}

async function describe(socket: string): Promise<OpenConnection | undefined> {
  const answer = await ask(socket, 'describe')
  if (answer === undefined || answer === 'ended' || answer.type !== 'described') {
    await removeStaleSocket(socket)
    return undefined
  }
  return { record: answer.connection, clients: answer.clients }
}

/** Undefined when nobody serves it, `ended` when whoever did has gone. */
async function ask(path: string, type: 'describe' | 'close'): Promise<AnswerRecord | 'ended' | undefined> {
  const socket = connect(path)
  let answer: 'ended' | undefined
  try {
    await once(socket, 'connect')
    answer = 'ended'
    socket.write(encodeRecord({ type, id: '1' }))
    for await (const batch of readRecords(socket, { input: path, maxLine: longestRequest })) {
      for (const { record } of batch) {
        const checked = validate(answerRecord, record)
        return 'value' in checked ? checked.value : answer
      }
    }
    return answer
  } catch {
    return answer
  } finally {
    socket.destroy()
  }
}

function findSockets(environment: NodeJS.ProcessEnv): string[] {
  const base = environment['XDG_RUNTIME_DIR']
  const shared = base ? [join(base, 'plumbline')] : []
  return [...new Set([...shared, ...privateDirectories(tmpdir()), ...privateDirectories('/tmp')])].flatMap(
    (directory) =>
      list(directory)
        .filter((name) => name.endsWith('.sock'))
        .map((name) => join(directory, name)),
  )
}

/** Only what is this user's: in a directory for everybody, anyone could have put a socket to wait for us. */
function privateDirectories(parent: string): string[] {
  return list(parent)
    .filter((name) => name.startsWith(privatePrefix))
    .map((name) => join(parent, name))
    .filter((path) => {
      const stat = lstatSync(path, { throwIfNoEntry: false })
      return stat?.isDirectory() && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0
    })
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
