// In which order what is tried, with keys of ssh-keygen(1).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Secrets } from '../secrets.ts'
import { makeAttempts } from './authentication.ts'
import { defaultSettings, parseSettings } from './settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'plumbline-keys-'))
afterAll(() => rmSync(folder, { recursive: true }))

function makeKey(name: string, passphrase: string): string {
  const file = join(folder, name)
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', file])
  return file
}
const [plain, locked] = [makeKey('plain', ''), makeKey('locked', 'pass phrase')]

/** As where there is no terminal, even where there is one. */
class NoSecrets extends Secrets {
  override isAvailable(): boolean {
    return false
  }
}

/** What is tried, when the server refuses all of it and says that it accepts `accepted`. */
async function listTried(keys: readonly string[], accepted: readonly string[], agent?: string) {
  const text = [...keys.map((file) => `identityfile ${file}`), defaultSettings].join('\n')
  const settings = parseSettings(text, { home: folder, localUser: 'me', target: 'host' })
  const { handler, tried } = await makeAttempts({
    settings: { ...settings, identityFiles: [...keys] },
    files: new Map(keys.map((file) => [file, readFileSync(file)])),
    agent,
    secrets: new NoSecrets({
      arguments: { command: 'ssh', operands: [], flags: new Set(), values: {} },
      signal: new AbortController().signal,
    }),
  })
  const next = (left: readonly string[] | null) =>
    new Promise((resolve) => handler(left as never, false as never, resolve))
  for (let method = await next(null); method; method = await next(accepted));
  return tried
}

describe('what is tried', () => {
  it('begins with a key that asks nobody for anything', async () => {
    expect(await listTried([plain], ['publickey'])).toEqual([`key ${plain}`, 'none'])
    expect(await listTried([plain], ['publickey'], '/none')).toEqual(['agent', 'none', `key ${plain}`])
  })

  it('begins with the question what is accepted, where it could ask somebody', async () => {
    expect(await listTried([locked, plain], ['publickey'])).toEqual(['none', `key ${plain}`])
    expect(await listTried([], ['publickey'])).toEqual(['none'])
  })

  it('is not what the server does not accept', async () => {
    expect(await listTried([plain, locked], ['password'])).toEqual([`key ${plain}`, 'none'])
    expect(await listTried([locked, plain], ['password'])).toEqual(['none'])
  })
})
