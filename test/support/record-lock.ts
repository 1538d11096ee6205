// Another process that holds a POSIX record lock as guix-daemon does: fcntl(2) on the whole file, made when missing.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { environment } from './shell.ts'

const hold = `
import fcntl, os, sys, threading
file, kind, contents = sys.argv[1:4]
fd = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
os.write(fd, contents.encode().replace(b"|", b"\\0"))
fcntl.lockf(fd, fcntl.LOCK_EX if kind == "exclusive" else fcntl.LOCK_SH)
if sys.argv[5]:
    other = os.open(sys.argv[5], os.O_RDWR)
    threading.Thread(target=fcntl.lockf, args=(other, fcntl.LOCK_EX), daemon=True).start()
    waiter = f"{os.getpid()}"
    while not any("->" in line and waiter in line.split() for line in open("/proc/locks")): pass
print("held", flush=True)
sys.stdin.read()
if sys.argv[4]: os.unlink(file); os.write(fd, b"d")
`

const attempt = `
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
`

export type HoldOptions = {
  /** What it writes into the file; "|" stands for NUL. */
  contents?: string
  /** It removes the file at its end, and writes a byte into it, as the holder of a path's lock does. */
  removes?: boolean
  /** A file whose lock it waits for meanwhile, which somebody else has. */
  waitsFor?: string
}

/** Resolves once it has the lock. */
export async function holdLock(
  file: string,
  kind: 'exclusive' | 'shared',
  { contents = '', removes = false, waitsFor = '' }: HoldOptions = {},
): Promise<{ release: () => Promise<void> }> {
  const args = ['-c', hold, file, kind, contents, removes ? 'removes' : '', waitsFor]
  const child = spawn('python3', args, { env: environment(), stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return {
    release: async () => {
      const exit = once(child, 'exit')
      child.stdin.end()
      await exit
    },
  }
}

/** Whether another process could have the lock alone. */
export function isLockFree(file: string): boolean {
  return spawnSync('python3', ['-c', attempt, file], { env: environment() }).status === 0
}
