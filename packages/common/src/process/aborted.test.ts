import { expect, it } from 'vitest'
import { aborted } from './aborted.ts'

it('rejects with the reason, when it comes and when it has come', async () => {
  const controller = new AbortController()
  const before = aborted(controller.signal)
  await expect(Promise.race([before, Promise.resolve('goes on')])).resolves.toBe('goes on')
  controller.abort(new Error('enough'))
  await expect(before).rejects.toThrow('enough')
  await expect(aborted(controller.signal)).rejects.toThrow('enough')
})
