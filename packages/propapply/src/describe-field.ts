// What a field takes, in words, out of its schema.
// Pure: no I/O.

/** The parts of a valibot schema that say something to people. */
type Schema = {
  type: string
  wrapped?: Schema
  item?: Schema
  message?: unknown
  pipe?: readonly { message?: unknown }[]
}

/** 'an octal mode such as "0644"'; what is optional says so. */
export function describeField(schema: object): string {
  const { type, wrapped, item, message, pipe = [] } = schema as Schema
  if (type === 'optional' && wrapped) return `optional, ${describeField(wrapped)}`
  const said = [message, ...pipe.slice(1).map((each) => each.message)]
    .filter((each) => typeof each === 'string')
    .at(-1)
  if (typeof said === 'string' && type !== 'array') return said.replace(/^expected /, '')
  if (type === 'array' && item) return `a list, each ${describeField(item)}`
  if (type === 'record') return 'an object of text'
  return type === 'string' ? 'text' : type
}
