// The process that downloads for `builtin:download`.
//
// A derivation says what to fetch, and anybody may write one. So what parses it, and what servers answer, is not the
// daemon: it is this process, which gives up the daemon's user before it reads anything, and holds no file of the
// store but the one, open, that it has to fill. It cannot name another, nor the database, nor the daemon's socket as
// anybody but that user. (Guix starts a program as the build user for the same reason.)
//
//   standard input    one line, a DownloadOrder; its end means that the daemon is no more
//   descriptor 3      the file to fill
//   standard output   what a builder would print
import { createHash, type Hash } from 'node:crypto'
import { once } from 'node:events'
import { ftruncateSync, writeSync } from 'node:fs'
import { exit, getuid, setgid, setgroups, setuid, stdin, stdout } from 'node:process'
import { isHashAlgorithm, startHash } from '@plumbline/common/store/hash'
import { reasonOf } from '@plumbline/common/error/translate'
import { HttpClient } from './http-client.ts'
import { openUrl } from './open-url.ts'
import { planDownload, type DownloadRequest } from './plan-download.ts'

export type DownloadOrder = DownloadRequest & {
  /** Who to be, when that is not who the process was started as. */
  user: { uid: number; gid: number } | null
  /** The item, for what is printed. */
  path: string
  /** Lines for programs in place of those for people. */
  trace: boolean
  /** Whether the hash is that of the file itself. */
  flat: boolean
}

const file = 3
const idleMs = 30_000
const reportMs = 200

/** The exit status. */
export async function runDownload(): Promise<number> {
  // Loaded now: the files may be out of reach afterwards.
  const client = await HttpClient.open({ idleMs, verify: false, connections: 1 })
  const order = await readOrder()
  dropPrivileges(order)
  try {
    return (await tryAll(order, client)) ? 0 : 1
  } catch (error) {
    say(reasonOf(error))
    return 1
  } finally {
    await client.close()
    stdin.destroy()
  }
}

async function readOrder(): Promise<DownloadOrder> {
  let text = ''
  stdin.setEncoding('utf8')
  stdin.on('end', () => exit(1))
  while (!text.includes('\n')) {
    const [chunk] = (await once(stdin, 'data')) as [string]
    text += chunk
  }
  return JSON.parse(text) as DownloadOrder
}

function dropPrivileges({ user }: DownloadOrder): void {
  if (!user || getuid?.() !== 0) return
  setgroups?.([])
  setgid?.(user.gid)
  setuid?.(user.uid)
}

/** Whether something is there; of what has another hash the last is left, for the daemon to show and refuse. */
async function tryAll(order: DownloadOrder, client: HttpClient): Promise<boolean> {
  const { urls, notes } = planDownload(order)
  for (const note of notes) say(note)
  let hasOther = false
  for (const url of urls) {
    try {
      if (await fetchFile(order, client, url)) return true
      hasOther = true
      say(`${url.href} has another file than the one wanted`)
    } catch (error) {
      hasOther = false
      say(`download failed from ${url.href}: ${reasonOf(error)}`)
    }
  }
  if (!hasOther) say(`failed to download ${order.path} from ${urls.length} places`)
  return hasOther
}

/** Whether it is the file that is wanted, as far as can be said here. Throws DOWNLOAD_…. */
async function fetchFile(order: DownloadOrder, client: HttpClient, url: URL): Promise<boolean> {
  const { path, trace } = order
  ftruncateSync(file, 0)
  let total: number | null = null
  let done = 0
  let reported = performance.now()
  const hash: Hash =
    order.flat && isHashAlgorithm(order.algorithm) ? startHash(order.algorithm) : createHash('sha256')
  const chunks = openUrl(url, async () => client, {
    signal: new AbortController().signal,
    size: null,
    maxBytes: Infinity,
    onlyPublic: false,
    onStart: (size) => {
      total = size
      say(
        trace
          ? `@ download-started ${path} ${url.href} ${size ?? '-'}`
          : `downloading ${path} from ${url.href} ...`,
      )
    },
  })
  for await (const chunk of chunks) {
    hash.update(chunk)
    for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at, chunk.length - at, done + at)
    done += chunk.length
    if (trace && performance.now() - reported > reportMs) {
      reported = performance.now()
      say(`@ download-progress ${path} ${url.href} ${total ?? '-'} ${done}`)
    }
  }
  say(trace ? `@ download-succeeded ${path} ${url.href} ${done}` : `${done} bytes`)
  return !order.flat || hash.digest('hex') === order.hash
}

function say(text: string): void {
  stdout.write(`${text}\n`)
}
