// The numbers of the worker protocol, version 0x163. All are 8 bytes on the wire, little endian.
// Pure: no I/O.

export const clientMagic = 0x6e697863
export const daemonMagic = 0x6478696f
export const daemonVersion = 0x163

/** What a frame of a reply starts with. */
export const tag = {
  next: 0x6f6c6d67,
  read: 0x64617461,
  write: 0x64617416,
  error: 0x63787470,
  last: 0x616c7473,
} as const

/** Calls by number, as Guix names them. */
export const callNumber = {
  validPath: 1,
  queryPathHash: 4,
  queryReferences: 5,
  queryReferrers: 6,
  addToStore: 7,
  addTextToStore: 8,
  buildThings: 9,
  ensurePath: 10,
  addTempRoot: 11,
  addIndirectRoot: 12,
  findRoots: 14,
  exportPath: 16,
  queryDeriver: 18,
  setOptions: 19,
  collectGarbage: 20,
  queryDerivationOutputs: 22,
  queryPathInfo: 26,
  importPaths: 27,
  queryDerivationOutputNames: 28,
  queryPathFromHashPart: 29,
  querySubstitutablePathInfos: 30,
  queryValidPaths: 31,
  queryValidDerivers: 33,
  optimizeStore: 34,
  verifyStore: 35,
  /** Of our own, which a guix-daemon does not know. */
  exportLog: 1024,
} as const
