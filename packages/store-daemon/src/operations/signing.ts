// Keys: the one that signs what is exported, and those whose signatures are trusted at import.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ToolError } from '@plumbline/common/error/tool-error'
import { errnoOf, reasonOf } from '@plumbline/common/error/translate'
import {
  atomText,
  findList,
  formatSexp,
  isList,
  isSameSexp,
  makeList,
  parseSexp,
  type Sexp,
} from '@plumbline/common/store/sexp'
import { signHash, verifySignature } from '@plumbline/common/store/signature'
import type { Config } from '../config.ts'
import { replaceFile } from '../store/replace-file.ts'

/** A signature of `hash` by this machine's key. Throws STORE_FAILED. */
export function signExport({ configuration }: Config, hash: Buffer): string {
  const secret = join(configuration, 'signing-key.sec')
  const text = read(secret)
  if (statSync(secret).mode & 0o77) {
    throw failed(`file \`${secret}' should be secret (inaccessible to everybody else)!`)
  }
  return signHash(hash, parseSexp(text), parseSexp(read(join(configuration, 'signing-key.pub'))))
}

/** The hash that `signature` signs, if a trusted key made it. Throws STORE_FAILED, SIGNATURE_INVALID, SEXP_INVALID. */
export function trustedHash(config: Config, signature: string): Buffer {
  const { hash, publicKey } = verifySignature(signature)
  if (!readAccessList(config).some((key) => isSameSexp(key, publicKey))) {
    throw failed(`unauthorized public key: ${formatSexp(publicKey)}`)
  }
  return hash
}

/** The keys whose signatures are trusted, as libgcrypt prints them. Throws STORE_FAILED, SEXP_INVALID. */
export function readTrustedKeys(config: Config): ReadonlySet<string> {
  return new Set(readAccessList(config).map((key) => formatSexp(key)))
}

/** Keys that may import. A missing list is made of this machine's own key. */
function readAccessList({ configuration }: Config): Sexp[] {
  const file = join(configuration, 'acl')
  const list = parseSexp(readOrMake(file, () => makeAccessList(configuration)))
  if (!isList(list) || atomText(list[0]) !== 'acl') throw failed(`\`${file}' is no access list`)
  return list.slice(1).flatMap((entry) => {
    const tag = findList(entry, 'tag')
    const key = findList(entry, 'public-key')
    return key && tag && findList(tag, 'guix')?.some((item) => atomText(item) === 'import') ? [key] : []
  })
}

function makeAccessList(configuration: string): string {
  let key: Sexp
  try {
    key = parseSexp(readFileSync(join(configuration, 'signing-key.pub'), 'latin1'))
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return '(acl )'
    throw error
  }
  const tag = makeList('tag', makeList('guix', 'import'))
  const text = formatSexp(makeList('acl', makeList('entry', key, tag)))
  replaceFile(join(configuration, 'acl'), text)
  return text
}

function readOrMake(file: string, make: () => string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return make()
    throw failed(`cannot read \`${file}': ${reasonOf(error)}`)
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (error) {
    throw failed(`cannot read \`${file}': ${reasonOf(error)}`)
  }
}

function failed(reason: string): ToolError {
  return new ToolError('STORE_FAILED', { reason })
}
