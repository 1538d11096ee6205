// The standard output and error of a server of sites: whatever becomes of its log, it goes on.

/** A log on a full disk is no reason to end. Node makes the streams when they are first used, which takes a millisecond. */
export function survivesOutput(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    const make = Object.getOwnPropertyDescriptor(process, name)?.get as () => NodeJS.WriteStream
    const value = () => {
      const stream = make.call(process).on('error', () => undefined)
      Object.defineProperty(process, name, { value: stream })
      return stream
    }
    Object.defineProperty(process, name, { get: value })
  }
}
