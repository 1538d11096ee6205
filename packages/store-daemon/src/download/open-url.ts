// The bytes behind a URL that the daemon supports: http(s):// and file://.
import { ToolError } from '@plumbline/common/error/tool-error'
import { download, type DownloadOptions } from './download.ts'
import type { HttpClient } from './http-client.ts'
import { readFileUrl } from './read-file.ts'

export type OpenOptions = DownloadOptions & { onlyPublic: boolean }

/** `client` is asked for when it is needed. Throws DOWNLOAD_FAILED, DOWNLOAD_REFUSED. */
export async function* openUrl(
  url: URL,
  client: () => Promise<HttpClient>,
  options: OpenOptions,
): AsyncGenerator<Buffer, void> {
  if (url.protocol === 'file:') yield* readFileUrl(url, options)
  else if (/^https?:$/.test(url.protocol)) yield* download(await client(), url, options)
  else throw new ToolError('DOWNLOAD_REFUSED', { url: url.href, reason: `${url.protocol} is not supported` })
}

/** All of it at once, as a byte string, for what is small. */
export async function readUrl(
  url: URL,
  client: () => Promise<HttpClient>,
  options: OpenOptions,
): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of openUrl(url, client, options)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}
