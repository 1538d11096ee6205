// How to log in: what the server still accepts, tried in OpenSSH's order (agent, key files, password), each asked
// for only when it is its turn.
import type { AnyAuthMethod, AuthHandlerMiddleware, ParsedKey } from 'ssh2'
import type { Secrets } from '../secrets.ts'
import type { Settings } from './settings.ts'
import { makeFilteredAgent, parsePrivateKey, publicBlob } from './ssh2.ts'

export type Credentials = {
  settings: Settings
  /** Content of the identity files that are there, and of their .pub files. */
  files: ReadonlyMap<string, Buffer>
  agent: string | undefined
  secrets: Secrets
}

export type Attempts = {
  handler: AuthHandlerMiddleware
  /** What was tried, and what was left out and why: for the message when nothing worked. */
  tried: string[]
  skipped: string[]
}

type Method = AnyAuthMethod & { type: string }

export async function makeAttempts(credentials: Credentials): Promise<Attempts> {
  const tried: string[] = []
  const skipped: string[] = []
  const methods = await orderMethods(credentials, skipped)
  const handler: AuthHandlerMiddleware = (methodsLeft, _partial, next) => {
    void (async () => {
      for (;;) {
        const { value: make } = methods.next()
        if (make === undefined) return next(false as never)
        const { name, kind } = make
        if (methodsLeft && kind !== 'none' && !(methodsLeft as string[]).includes(kind)) continue
        const method = await make.method().catch((error: Error) => {
          skipped.push(`${name}: ${error.message}`)
        })
        if (!method) continue
        tried.push(name)
        return next(method)
      }
    })()
  }
  return { handler, tried, skipped }
}

type Candidate = {
  name: string
  kind: string
  method: () => Promise<Method | undefined>
  /** Nobody is asked for anything, whatever the server makes of it. */
  isQuiet?: () => Promise<boolean>
}

/** What the settings allow, as they order it, and before the first that may ask somebody: what the server accepts. */
async function orderMethods(
  credentials: Credentials,
  skipped: string[],
): Promise<Iterator<Candidate, undefined>> {
  const { user: username, authentications } = credentials.settings
  // "none" is how a server says what it accepts, after a round trip; some accept it. A refusal says it as well.
  const none: Candidate = { name: 'none', kind: 'none', method: async () => ({ type: 'none', username }) }
  const all = [...listMethods(credentials, skipped)]
  const allowed = authentications.flatMap((kind) => all.filter((candidate) => candidate.kind === kind))
  const [first, ...rest] = allowed
  const ordered = first && (await first.isQuiet?.()) ? [first, none, ...rest] : [none, ...allowed]
  return ordered[Symbol.iterator]() as Iterator<Candidate, undefined>
}

function* listMethods(credentials: Credentials, skipped: string[]): Generator<Candidate, undefined> {
  const { settings, files, agent, secrets } = credentials
  const username = settings.user
  if (agent !== undefined) {
    const only = settings.identitiesOnly ? publicKeys(credentials) : undefined
    const make = async (): Promise<Method> => ({
      type: 'agent',
      username,
      agent: await makeFilteredAgent(agent, only),
    })
    yield { name: 'agent', kind: 'publickey', method: make, isQuiet: async () => true }
  }
  if (!settings.identityFiles.some((file) => files.has(file))) {
    skipped.push('key: none of the identity files is there')
  }
  for (const file of settings.identityFiles) {
    const content = files.get(file)
    if (!content) continue
    const method = async (): Promise<Method> => ({
      type: 'publickey',
      username,
      key: await openKey(file, content, credentials),
    })
    const isQuiet = async () => !((await parsePrivateKey(content)) instanceof Error)
    yield { name: `key ${file}`, kind: 'publickey', method, isQuiet }
  }
  if (!secrets.isAvailable('password')) {
    skipped.push('password: none was given')
    return
  }
  const password = () => secrets.get('password', `Password for ${username}@${settings.hostname}: `)
  const method = async (): Promise<Method> => {
    const secret = await password()
    return { type: 'password', username, password: secret.reveal().toString('utf8') }
  }
  yield { name: 'password', kind: 'password', method }
  const prompt = async (): Promise<Method> => {
    const secret = (await password()).reveal().toString('utf8')
    // One answer to one question: a second question is for something that we do not have.
    let asked = 0
    return {
      type: 'keyboard-interactive',
      username,
      prompt: (_name, _instructions, _language, prompts, finish) =>
        finish(prompts.map(({ prompt }) => (asked++ === 0 && /pass/i.test(prompt) ? secret : ''))),
    }
  }
  yield { name: 'keyboard-interactive', kind: 'keyboard-interactive', method: prompt }
}

async function openKey(file: string, content: Buffer, { secrets }: Credentials): Promise<ParsedKey> {
  const plain = await parsePrivateKey(content)
  if (plain instanceof Error && /encrypted/i.test(plain.message)) {
    if (!secrets.isAvailable('passphrase')) throw new Error('it needs a passphrase')
    const secret = await secrets.get('passphrase', `Passphrase for ${file}: `)
    const opened = await parsePrivateKey(content, secret.reveal())
    if (opened instanceof Error) throw new Error('the passphrase is wrong')
    return opened
  }
  if (plain instanceof Error) throw plain
  return plain
}

/** The identities that IdentitiesOnly allows, by their .pub files. */
function publicKeys({ settings, files }: Credentials): Buffer[] {
  return settings.identityFiles.flatMap((file) => {
    const blob = publicBlob(files.get(`${file}.pub`))
    return blob ? [blob] : []
  })
}
