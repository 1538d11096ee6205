// Some time. node:timers/promises has to be loaded first, and most commands never wait.

/** Once it is abandoned it keeps nobody, and does not end. */
export function pause(ms: number, abandoned?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (abandoned?.aborted) return
    const leave = () => clearTimeout(timer)
    const timer = setTimeout(() => {
      abandoned?.removeEventListener('abort', leave)
      resolve()
    }, ms)
    abandoned?.addEventListener('abort', leave, { once: true })
  })
}
