// Content that properties put somewhere, wherever it comes from.
// Pure: no I/O.

export type Data = {
  /** Never shown, nor readable by others. */
  isSecret: boolean
  /** When it is known without reading. */
  bytes: number | undefined
  /** The content from its beginning: the same bytes at each call. */
  open: () => AsyncIterable<Uint8Array>
}

export async function readData({ open }: Data): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of open()) chunks.push(chunk)
  return Buffer.concat(chunks)
}
