// The two checksums by which the far side tells whether it has some bytes already: SHA-256, and for systems without
// sha256sum the one of cksum(1) (POSIX XCU: CRC-32 of ISO 8802-3, most significant bit first, over the bytes and
// then their number, least significant byte first).
// Pure: no I/O.

export type Checksums = { bytes: number; sha256: string; cksum: number }

const polynomial = 0x04c11db7
let table: Int32Array | undefined

function makeTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, index) => {
    let crc = index << 24
    for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ polynomial : crc << 1
    return crc
  })
}

function addByte(crc: number, byte: number): number {
  return (crc << 8) ^ (table?.[((crc >>> 24) ^ byte) & 0xff] ?? 0)
}

export async function computeChecksums(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Checksums> {
  // Few sites need it, and it takes longer to load than the rest of a small run.
  const { createHash } = await import('node:crypto')
  table ??= makeTable()
  const sha256 = createHash('sha256')
  let crc = 0
  let bytes = 0
  for await (const chunk of content) {
    sha256.update(chunk)
    for (const byte of chunk) crc = addByte(crc, byte)
    bytes += chunk.length
  }
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 256)) crc = addByte(crc, rest % 256)
  return { bytes, sha256: sha256.digest('hex'), cksum: ~crc >>> 0 }
}
