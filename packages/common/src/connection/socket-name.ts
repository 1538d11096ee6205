// Names of Unix sockets. Node cuts off one that is too long, and listens or connects by what is left of it.
// Pure: no I/O.

/** sun_path holds 108 bytes with its NUL (unix(7)). */
const maxBytes = 107

/** Why `path` cannot be a socket's name, if it cannot. */
export function findNameFault(path: string): string | undefined {
  const length = Buffer.byteLength(path)
  return length > maxBytes
    ? `a socket's name has at most ${maxBytes} bytes, and this one ${length}`
    : undefined
}
