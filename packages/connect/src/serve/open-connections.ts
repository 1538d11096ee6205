// The connections that are being served for this user, found by their sockets, and asked one by one.
import { once } from 'node:events'
import { connect } from 'node:net'
import { removeStaleSocket } from '@plumbline/common/connection/stale-socket'
import { findSocketDirectories, findSockets } from '@plumbline/common/connection/sweep-sockets'
import { encodeRecord } from '@plumbline/common/ndjson/encode'
import { readRecords } from '@plumbline/common/ndjson/read'
import { answerRecord, longestRequest, type AnswerRecord } from '@plumbline/common/records/verb'
import { validate } from '@plumbline/common/records/validate'
import type { ConnectionRecord } from '@plumbline/common/records/connection'

export type OpenConnection = { record: ConnectionRecord; clients: number }

/** In the order in which they were opened: an id begins with its time. */
export async function findConnections(environment: NodeJS.ProcessEnv): Promise<OpenConnection[]> {
  const found = await Promise.all(findSocketDirectories(environment).flatMap(findSockets).map(describe))
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
