// The clock for waiting: nobody sets it, and performance.now() takes milliseconds to load.

/** Milliseconds since some moment. */
export function now(): number {
  return process.uptime() * 1000
}
