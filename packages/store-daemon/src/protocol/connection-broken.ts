// An error in the middle of a call after which nothing more can be read from the client.
// Pure: no I/O.

export class ConnectionBroken extends Error {
  override readonly cause: unknown

  constructor(cause: unknown) {
    super('the connection cannot go on')
    this.cause = cause
  }
}
