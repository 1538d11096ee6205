// Whether an address answers a request with the status that was asked for, or any that is no failure.
import { get as getHttp } from 'node:http'

const patienceMs = 5000

export async function httpAnswers(url: string, status: number | undefined): Promise<boolean> {
  const secure = url.startsWith('https:')
  const get = secure ? (await import('node:https')).get : getHttp
  return new Promise((resolve) => {
    // Who it is was settled by the address; a certificate of its own making is fine for asking whether it is up.
    const options = {
      timeout: patienceMs,
      agent: false as const,
      ...(secure && { rejectUnauthorized: false }),
    }
    const request = get(url, options, (response) => {
      response.resume()
      const got = response.statusCode ?? 0
      resolve(status === undefined ? got >= 200 && got < 400 : got === status)
    })
    request.on('timeout', () => request.destroy(new Error('timeout'))).on('error', () => resolve(false))
  })
}
