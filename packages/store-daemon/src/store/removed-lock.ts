// How a lock file says that it is no more: whoever gets the lock on it then sees that its size is not zero, and opens
// the name again. guix-daemon writes a byte, for which a full disk may have no room.
import { ftruncateSync } from 'node:fs'

export function markRemoved(fd: number): void {
  ftruncateSync(fd, 1)
}
