// What a narinfo claims about an item, as far as it can be checked without asking anybody: that it is about that
// item, well formed, and who has signed it. Whether the signer is trusted is for the access list to say.
// Pure: no I/O.
import { ToolError } from '@plumbline/common/error/tool-error'
import { digest, isHashAlgorithm, parseHash } from '@plumbline/common/store/hash'
import { parseNarinfo, type Narinfo } from '@plumbline/common/store/narinfo'
import { formatSexp } from '@plumbline/common/store/sexp'
import { verifySignature } from '@plumbline/common/store/signature'
import { isStorePath } from '@plumbline/common/store/store-path'

export type Location = {
  url: string
  compression: string
  fileSize: number | null
  /** Hex sha256 of the file. */
  fileHash: string | null
}

export type Claim = {
  path: string
  /** Hex sha256. */
  narHash: string
  narSize: number
  references: readonly string[]
  deriver: string | null
  locations: readonly Location[]
  /** The key whose signature holds, as libgcrypt prints it. */
  signer: string | null
  /** Why there is no signer. */
  unsigned: string | null
}

/** `base` is the server, with a slash at its end. Throws NARINFO_INVALID, SUBSTITUTE_INVALID. */
export function readClaim(text: string, store: string, path: string, base: URL): Claim {
  const narinfo = parseNarinfo(text)
  if (narinfo.storePath !== path) throw invalid(`it is about \`${narinfo.storePath}'`)
  const inStore = (name: string) => {
    const item = `${store}/${name}`
    if (!isStorePath(store, item)) throw invalid(`\`${name}' is no item's name`)
    return item
  }
  const deriver = narinfo.deriver?.endsWith('.drv') ? inStore(narinfo.deriver) : null
  return {
    path,
    narHash: readHash(narinfo.narHash),
    narSize: narinfo.narSize,
    references: [...new Set(narinfo.references.map(inStore))].sort(),
    deriver,
    locations: narinfo.urls.map(({ url, compression, fileSize, fileHash }) => ({
      url: resolveUrl(url, base),
      compression,
      fileSize,
      fileHash: fileHash === null ? null : readHash(fileHash),
    })),
    ...readSigner(narinfo),
  }
}

/** Whether two servers mean the same thing: then either may hand it over, if one of them is trusted. */
export function isSameItem(a: Claim, b: Claim): boolean {
  return a.narHash === b.narHash && a.references.join() === b.references.join()
}

function readSigner({ signature }: Narinfo): Pick<Claim, 'signer' | 'unsigned'> {
  if (!signature) return { signer: null, unsigned: 'it lacks a signature' }
  const [version, host, encoded = ''] = signature.text.split(';')
  const refuse = (unsigned: string) => ({ signer: null, unsigned })
  if (version !== '1' || host === undefined || !/^[A-Za-z0-9+/]+=*$/.test(encoded)) {
    return refuse('its signature is not of the form 1;HOST;BASE64')
  }
  try {
    const { hash, publicKey } = verifySignature(Buffer.from(encoded, 'base64').toString('latin1'))
    if (!hash.equals(digest('sha256', signature.covers))) {
      return refuse("signed hash doesn't match what the narinfo says")
    }
    return { signer: formatSexp(publicKey), unsigned: null }
  } catch (error) {
    if (error instanceof ToolError) return refuse(error.message)
    throw error
  }
}

/** "sha256:HASH", in base 32 or hex. */
function readHash(text: string): string {
  const [algorithm = '', hash = ''] = text.split(':')
  if (!isHashAlgorithm(algorithm) || algorithm !== 'sha256') throw invalid(`"${text}" is no sha256 hash`)
  return parseHash(algorithm, hash).toString('hex')
}

/** A server on the net may name any other; one in a directory, what is below it. */
function resolveUrl(text: string, base: URL): string {
  if (!URL.canParse(text, base.href)) throw invalid(`"${text}" is no URL`)
  const url = new URL(text, base)
  const isOnNet = /^https?:$/.test(url.protocol)
  if (base.protocol === 'file:' ? url.href.startsWith(base.href) : isOnNet) return url.href
  throw invalid(`"${text}" leads away from the server`)
}

function invalid(reason: string): ToolError {
  return new ToolError('SUBSTITUTE_INVALID', { reason })
}
