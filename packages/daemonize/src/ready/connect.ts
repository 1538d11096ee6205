// Whether something accepts connections at an address.
import { connect } from 'node:net'

const patienceMs = 2000

export function accepts(address: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address)
    const finish = (accepted: boolean) => {
      socket.destroy()
      resolve(accepted)
    }
    socket.setTimeout(patienceMs, () => finish(false))
    socket.on('connect', () => finish(true)).on('error', () => finish(false))
  })
}
