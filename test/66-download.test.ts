// `builtin:download`: from servers, mirrors and files; through proxies; and by whom.
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { startBuildDaemon } from './support/build-daemon.ts'
import { build, failure, setOptions, sha256, withBuildUsers } from './support/build.ts'
import { cutAt, FaultServer, firstly, status } from './support/fault-server.ts'
import { Scratch } from './support/scratch.ts'
import { startNginx } from './support/substitutes.ts'
import { str } from './support/wire.ts'

const scratch = new Scratch('download')
const folder = scratch.file('files')
const contents = Buffer.from(Array.from({ length: 400_000 }, (_, index) => (index * 7) % 251))
const hash = sha256(contents)
const users = { uids: [64_311], gid: 64_310, group: 'pldown' }
const isRoot = process.getuid?.() === 0
let count = 0

mkdirSync(folder)
writeFileSync(`${folder}/file`, contents)
writeFileSync(`${folder}/wrong`, 'something else')
const server = new FaultServer(scratch, folder)
await server.start()
const { client, derivations } = await startBuildDaemon(scratch, 'main', {
  ...(isRoot ? withBuildUsers(scratch, users) : {}),
  env: { http_proxy: server.url, no_proxy: '127.0.0.1,localhost' },
})
await setOptions(client)

/** Another name each time: what was downloaded before would be there. */
async function fetchFile(
  env: Record<string, string>,
  more: { algorithm?: string; hash?: string; sources?: string[] } = {},
): Promise<string> {
  const { sources = [] } = more
  const fixed = { algorithm: more.algorithm ?? 'sha256', hash: more.hash ?? hash }
  const name = `file-${count++}`
  const made = await derivations.make(name, { script: '', builder: 'builtin:download', env, fixed, sources })
  client.log = ''
  server.requests.length = 0
  await build(client, made.drv)
  return made.out
}

const quoted = (url: string) => JSON.stringify(url)

describe('builtin:download', () => {
  it('makes a file of what is at a URL', async () => {
    const out = await fetchFile({ url: quoted(`${server.url}/file`) })
    expect(readFileSync(out).equals(contents)).toBe(true)
    expect(lstatSync(out).mode & 0o7777).toBe(0o444)
    expect(client.log).toContain(`downloading ${out} from ${server.url}/file ...\n400000 bytes\n`)
  })

  it('makes it executable where that is wanted', async () => {
    const words = ['nix-archive-1', '(', 'type', 'regular', 'executable', '', 'contents', contents, ')']
    const nar = Buffer.concat(words.map(str))
    const wanted = { algorithm: 'r:sha256', hash: sha256(nar) }
    const out = await fetchFile({ url: quoted(`file://${folder}/file`), executable: '1' }, wanted)
    expect(lstatSync(out).mode & 0o7777).toBe(0o555)
  })

  it('tells programs of its progress', async () => {
    await setOptions(client, { settings: { 'print-extended-build-trace': '1' } })
    const url = `${server.url}/file`
    const out = await fetchFile({ url: quoted(url) })
    await setOptions(client, { settings: { 'print-extended-build-trace': '0' } })
    expect(client.log).toContain(`@ download-started ${out} ${url} 400000\n`)
    expect(client.log).toContain(`@ download-succeeded ${out} ${url} 400000\n`)
  })

  it('is checked, and repaired, beside what is there', async () => {
    const fixed = { algorithm: 'sha256', hash }
    const env = { url: quoted(`${server.url}/file`) }
    const made = await derivations.make('again', { script: '', builder: 'builtin:download', env, fixed })
    await build(client, made.drv)
    await build(client, made.drv, 'check')
    chmodSync(made.out, 0o644)
    writeFileSync(made.out, 'damaged')
    const error = await build(client, made.drv, 'check').catch((failure: unknown) => failure)
    expect([error, readFileSync(made.out, 'utf8')]).toEqual([undefined, 'damaged'])
    await build(client, made.drv, 'repair')
    expect(readFileSync(made.out).equals(contents)).toBe(true)
    expect(readdirSync(derivations.store).filter((name) => name.endsWith('-again'))).toHaveLength(1)
  })

  it('goes on where it was cut off', async () => {
    server.faults.set('file', cutAt(150_000))
    const out = await fetchFile({ url: quoted(`${server.url}/file`) })
    server.faults.clear()
    expect(readFileSync(out).equals(contents)).toBe(true)
    expect(server.requests).toEqual(['file', 'bytes=150000- file'])
  })

  it('tries again after errors of the server', async () => {
    server.faults.set('file', firstly(2, status(503)))
    await fetchFile({ url: quoted(`${server.url}/file`) })
    server.faults.clear()
    expect(server.requests).toEqual(['file', 'file', 'file'])
  })

  it('goes to the next URL when one has nothing, or something else', async () => {
    const urls = ['none', 'wrong', 'file'].map((name) => quoted(`${server.url}/${name}`))
    const out = await fetchFile({ url: `(${urls.join(' ')})` })
    expect(readFileSync(out).equals(contents)).toBe(true)
    expect(client.log).toContain('the server answers 404')
    expect(client.log).toContain(`${server.url}/wrong has another file than the one wanted`)
  })

  it('refuses something else, and says what it got', async () => {
    const failed = await failure(fetchFile({ url: quoted(`${server.url}/wrong`) }))
    expect(failed.message).toMatch(/^build of `.*' failed$/)
    expect(client.log).toMatch(/@ hash-mismatch .*-file-[0-9]+ sha256 [0-9a-z]{52} [0-9a-z]{52}\n/)
  })

  it('knows mirrors', async () => {
    const list = `; comment\n((other "http://nowhere.invalid/") (gnu "${server.url}/none/" "${server.url}"))`
    const mirrors = await client.addText('mirrors', list)
    const out = await fetchFile({ url: quoted('mirror://gnu/file'), mirrors }, { sources: [mirrors] })
    expect(readFileSync(out).equals(contents)).toBe(true)
    expect(server.requests).toEqual(['none/file', 'file'])
  })

  it('asks content-addressed mirrors by hash, as Guix writes them', async () => {
    const program = `(begin
  (use-modules (guix base32) (guix base16))
  (define (publisher base)
    (lambda (file algo hash)
      (string-append base "/" file "/" (symbol->string algo) "/"
                     (bytevector->nix-base32-string hash))))
  (list (publisher "${server.url}")
        (lambda (file algo hash)
          (string-append "${server.url}/" (symbol->string algo) ":" (bytevector->base16-string hash)))))`
    const mirrors = await client.addText('content-addressed-mirrors', program)
    writeFileSync(`${folder}/sha256:${hash}`, contents)
    const env = { url: quoted(`${server.url}/none`), 'content-addressed-mirrors': mirrors }
    const out = await fetchFile(env, { sources: [mirrors] })
    expect(readFileSync(out).equals(contents)).toBe(true)
    expect(server.requests).toEqual([
      'none',
      expect.stringMatching(/^file-[0-9]+\/sha256\/[0-9a-z]{52}$/) as string,
      `sha256:${hash}`,
    ])
  })

  it('reads no list of mirrors but an input, and no program that does not end', async () => {
    const secret = scratch.file('secret-list')
    writeFileSync(secret, '()')
    const url = quoted(`${server.url}/none`)
    await failure(fetchFile({ url, mirrors: secret }))
    expect(client.log).toContain('is no input of the derivation')
    const loop = await client.addText('loop', '(define (f) (f)) (list (f))')
    await failure(fetchFile({ url, 'content-addressed-mirrors': loop }, { sources: [loop] }))
    expect(client.log).toContain('ignoring the content-addressed mirrors')
  })

  it('does not ask whose certificate it is: the hash says what is right', async () => {
    const nginx = await startNginx(scratch, folder)
    const out = await fetchFile({ url: quoted(`${nginx.https}/file`) })
    expect(readFileSync(out).equals(contents)).toBe(true)
  })

  it("goes through the daemon's proxy only when the derivation says so", async () => {
    server.faults.set('http://nowhere.invalid/file', (_, response) => void response.end(contents))
    const url = quoted('http://nowhere.invalid/file')
    await fetchFile({ url, impureEnvVars: 'http_proxy no_proxy' })
    expect(server.requests).toEqual(['http://nowhere.invalid/file'])
    await failure(fetchFile({ url }))
    expect(server.requests).toEqual([])
    server.faults.clear()
  })

  it('ends when nothing comes for too long', async () => {
    await setOptions(client, { settings: { 'build-max-silent-time': '1' } })
    server.faults.set('file', (_, response) => void response.writeHead(200).write('x'))
    const { status } = await failure(fetchFile({ url: quoted(`${server.url}/file`) }))
    await setOptions(client, { settings: { 'build-max-silent-time': '0' } })
    server.faults.clear()
    expect(status).toBe(101)
  })

  it('refuses redirects that do not end, and such as lead to a file', async () => {
    server.faults.set('loop', status(302, { location: '/loop' }))
    server.faults.set('out', status(302, { location: `file://${folder}/file` }))
    await failure(fetchFile({ url: `("${server.url}/loop" "${server.url}/out")` }))
    server.faults.clear()
    expect(client.log).toContain('more than 10 redirects')
    expect(client.log).toContain('it is redirected to file:')
  })

  it.skipIf(!isRoot)('is not done by the user of the daemon', async () => {
    const secret = scratch.file('secret')
    writeFileSync(secret, contents)
    chmodSync(secret, 0o600)
    await failure(fetchFile({ url: quoted(`file://${secret}`) }))
    expect(client.log).toContain('permission denied')
  })
})
