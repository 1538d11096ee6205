// Whether a host is an address in digits, and no name; node:net, which could say it, takes milliseconds to load.
// Pure: no I/O.

/** IPv4 in four numbers, or anything with a colon, which no host name has. */
export function isIpAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(\.\d{1,3}){3}$/.test(host)
}
