// Runs the programs that Guix's download derivations carry: procedures from (file, algorithm, hash) to a URL.
//
// They come from whoever wrote the derivation, so this is not Scheme but what such programs are made of: no state, no
// input or output, no recursion that does not end (each step is paid for), and nothing else has a meaning.
// Pure: no I/O.
import { formatBase32 } from '@plumbline/common/store/base32'
import { ToolError } from '@plumbline/common/error/tool-error'
import { isList, isName, type Datum, type Name } from './scheme-reader.ts'

export type Value = string | boolean | Name | Buffer | Procedure | readonly Value[] | undefined
export type Procedure = (values: readonly Value[]) => Value

type Scope = { find: (name: string) => Value; names: Map<string, Value> }
type Special = (form: readonly Datum[], scope: Scope, run: Run) => Value
type Run = (datum: Datum | undefined, scope: Scope) => Value

const maxSteps = 100_000
const maxDepth = 500
const maxString = 64 * 1024

/** The value of the last of `program`. Throws SCHEME_INVALID. */
export function runProgram(program: readonly Datum[]): Value {
  let steps = 0
  let depth = 0
  const run: Run = (datum, scope) => {
    if (++steps > maxSteps || depth === maxDepth) throw invalid('it does not end')
    depth++
    try {
      return evaluate(datum, scope)
    } finally {
      depth--
    }
  }
  const evaluate: Run = (datum, scope) => {
    if (isName(datum)) return scope.find(datum.name)
    if (!isList(datum)) return datum
    const [head, ...rest] = datum
    const special = isName(head) && Object.hasOwn(specials, head.name) ? specials[head.name] : undefined
    if (special) return special(rest, scope, run)
    const procedure = run(head, scope)
    if (typeof procedure !== 'function') throw invalid(`${describe(head)} is no procedure`)
    return procedure(rest.map((each) => run(each, scope)))
  }
  return runBody(program, makeScope(), run)
}

const specials: Readonly<Record<string, Special>> = {
  // What programs use of modules is here.
  'use-modules': () => undefined,
  begin: (body, scope, run) => runBody(body, scope, run),
  quote: ([datum]) => datum,
  if: ([test, then, otherwise], scope, run) => run(run(test, scope) !== false ? then : otherwise, scope),
  define: ([target, ...body], scope, run) => {
    const [name, ...parameters]: readonly (Datum | undefined)[] = isList(target) ? target : [target]
    if (!isName(name)) throw invalid('define needs a name')
    const value = isList(target) ? makeProcedure(parameters, body, scope, run) : run(body[0], scope)
    scope.names.set(name.name, value)
    return undefined
  },
  lambda: ([parameters, ...body], scope, run) => {
    if (!isList(parameters)) throw invalid('lambda needs a list of parameters')
    return makeProcedure(parameters, body, scope, run)
  },
  let: ([bindings, ...body], scope, run) => {
    if (!isList(bindings)) throw invalid('let needs a list of bindings')
    const inner = makeScope(scope)
    for (const binding of bindings) {
      const [name, value] = isList(binding) ? binding : []
      if (!isName(name)) throw invalid('let needs names')
      inner.names.set(name.name, run(value, scope))
    }
    return runBody(body, inner, run)
  },
}

const builtIn: Readonly<Record<string, Procedure>> = {
  list: (values) => values,
  'string-append': (values) => {
    const texts = values.map(asString)
    if (texts.reduce((sum, { length }) => sum + length, 0) > maxString) throw invalid('a string is too long')
    return texts.join('')
  },
  'symbol->string': ([value]) => {
    if (!isName(value as Datum)) throw invalid('symbol->string needs a symbol')
    return (value as Name).name
  },
  'bytevector->nix-base32-string': ([value]) => formatBase32(asBytes(value)),
  'bytevector->base16-string': ([value]) => asBytes(value).toString('hex'),
  'string=?': ([a, b]) => asString(a) === asString(b),
  'eq?': ([a, b]) =>
    isName(a as Datum) && isName(b as Datum) ? (a as Name).name === (b as Name).name : a === b,
}

function makeScope(outer?: Scope): Scope {
  const names = new Map<string, Value>()
  const find = (name: string): Value => {
    if (names.has(name)) return names.get(name)
    if (outer) return outer.find(name)
    if (Object.hasOwn(builtIn, name)) return builtIn[name]
    throw invalid(`${name} is not known here`)
  }
  return { find, names }
}

function runBody(body: readonly Datum[], scope: Scope, run: Run): Value {
  let value: Value
  for (const datum of body) value = run(datum, scope)
  return value
}

function makeProcedure(
  parameters: readonly (Datum | undefined)[],
  body: readonly Datum[],
  scope: Scope,
  run: Run,
): Procedure {
  return (values) => {
    if (values.length !== parameters.length) throw invalid(`${parameters.length} arguments are expected`)
    const inner = makeScope(scope)
    for (const [index, parameter] of parameters.entries()) {
      if (!isName(parameter)) throw invalid('a parameter is no name')
      inner.names.set(parameter.name, values[index])
    }
    return runBody(body, inner, run)
  }
}

function asString(value: Value): string {
  if (typeof value === 'string') return value
  throw invalid('a string is expected')
}

function asBytes(value: Value): Buffer {
  if (Buffer.isBuffer(value)) return value
  throw invalid('a bytevector is expected')
}

function describe(datum: Datum | undefined): string {
  return isName(datum) ? datum.name : 'what stands first'
}

function invalid(reason: string): ToolError {
  return new ToolError('SCHEME_INVALID', { reason })
}
