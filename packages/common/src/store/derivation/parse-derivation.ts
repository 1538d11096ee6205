// Reads a derivation from its ATerm.
//
//   drv       = "Derive(" outputs "," inputdrvs "," strings "," string "," string "," strings "," env ")"
//   outputs   = list of "(" name "," path "," algorithm "," hash ")"
//   inputdrvs = list of "(" path "," strings ")"       strings = list of string
//   env       = list of "(" name "," value ")"         list = "[" [ item { "," item } ] "]"
//   string    = '"' { byte | "\" byte } '"'            \n \r \t are control characters, \x is x for any other x
//
// The seven fields: outputs, input derivations, input sources, system, builder, arguments, environment. There is
// no white space. Bytes after the last ")" are ignored, as guix-daemon ignores them; where that reads past the end
// of a derivation that is cut off, for ever, this says so.
// Pure: no I/O.
import { ToolError } from '../../error/tool-error.ts'
import type { Derivation } from './derivation.ts'

/** `text` is a byte string; `path` is for errors. Throws DERIVATION_INVALID. */
export function parseDerivation(text: string, path: string): Derivation {
  return new AtermReader(text, path).derivation()
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

class AtermReader {
  readonly #text: string
  readonly #path: string
  #at = 0

  constructor(text: string, path: string) {
    this.#text = text
    this.#path = path
  }

  derivation(): Derivation {
    this.#expect('Derive([')
    const outputs = this.#list(() => {
      this.#expect('(')
      const name = this.#string()
      this.#expect(',')
      const path = this.#storePath()
      this.#expect(',')
      const hashAlgorithm = this.#string()
      this.#expect(',')
      const hash = this.#string()
      this.#expect(')')
      return { name, path, hashAlgorithm, hash }
    })
    this.#expect(',[')
    const inputDerivations = this.#list(() => {
      this.#expect('(')
      const path = this.#storePath()
      this.#expect(',[')
      const names = this.#list(() => this.#string())
      this.#expect(')')
      return { path, outputs: names }
    })
    this.#expect(',[')
    const inputSources = this.#list(() => this.#storePath())
    this.#expect(',')
    const system = this.#string()
    this.#expect(',')
    const builder = this.#string()
    this.#expect(',[')
    const args = this.#list(() => this.#string())
    this.#expect(',[')
    const environment = this.#list(() => {
      this.#expect('(')
      const name = this.#string()
      this.#expect(',')
      const value = this.#string()
      this.#expect(')')
      return [name, value] as const
    })
    this.#expect(')')
    return { outputs, inputDerivations, inputSources, system, builder, args, environment }
  }

  /** The items of a list whose "[" has been read. */
  #list<T>(item: () => T): T[] {
    const items: T[] = []
    if (this.#text.charCodeAt(this.#at) === 0x5d) {
      this.#at++
      return items
    }
    for (;;) {
      items.push(item())
      if (this.#text.charCodeAt(this.#at) === 0x5d) break
      this.#expect(',')
    }
    this.#at++
    return items
  }

  #expect(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw this.#invalid(`expected string \`${word}'`)
    this.#at += word.length
  }

  #storePath(): string {
    const path = this.#string()
    if (!path.startsWith('/')) throw this.#invalid(`bad path \`${path}' in derivation`)
    return path
  }

  #string(): string {
    this.#expect('"')
    let text = ''
    for (let from = this.#at; ;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === 0x22) {
        text += this.#text.slice(from, this.#at++)
        return text
      }
      if (code === 0x5c) {
        const escaped = this.#text.charAt(this.#at + 1)
        text += this.#text.slice(from, this.#at) + (escapes[escaped] ?? escaped)
        this.#at += 2
        from = this.#at
      } else this.#at++
      if (this.#at > this.#text.length) throw this.#invalid('expected string `"\'')
    }
  }

  #invalid(reason: string): ToolError {
    return new ToolError('DERIVATION_INVALID', { path: this.#path, reason })
  }
}
