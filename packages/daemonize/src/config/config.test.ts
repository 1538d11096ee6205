import { anything, assert, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseConfig } from './config.ts'
import { parseListen, parseSite } from './site.ts'

const good = { name: 'a', command: ['x'] }

describe('parseConfig()', () => {
  it('takes what the contract names', () => {
    const config = {
      name: 'homesite',
      user: 'andrey',
      group: 'www-data',
      cachedir: '/var/cache/homesite',
      pidfile: '/run/homesite/homesite.pid',
      repl: 9000,
      default_host_redirect: 'main.test:8080',
      module_paths: ['/srv'],
      load: ['a'],
      sites: [
        'a',
        ['b', null, 80],
        ['c', 'h', 443, ['cert', 'key', 'pass']],
        { module: 'd', host: 'h', port: 80, tls: { cert: 'c', key: 'k' } },
      ],
    }
    expect(parseConfig(config, 'x')).toEqual(config)
  })
  it('names the nearest key for one that is not known', () => {
    expect(() => parseConfig({ ...good, pid_file: 'x' }, 'f.json')).toThrow(
      'Cannot use "f.json": there is no key "pid_file" (did you mean "pidfile"?)',
    )
  })
  it('takes no pidfile whose name leaves no room for those beside it', () => {
    expect(() => parseConfig({ ...good, pidfile: `/run/${'é'.repeat(121)}` }, 'x')).toThrow(
      'at most 240 bytes',
    )
    expect(parseConfig({ ...good, pidfile: `/run/${'é'.repeat(120)}` }, 'x').pidfile).toHaveLength(125)
  })
  it('answers any value with a configuration or a CONFIG_INVALID', () => {
    assert(
      property(anything(), (value) => {
        try {
          parseConfig(value, 'x')
          return true
        } catch (error) {
          return (error as { code?: string }).code === 'CONFIG_INVALID'
        }
      }),
    )
  })
})

describe('parseSite()', () => {
  const at = (path: string) => `/base/${path}`
  const parse = (site: Parameters<typeof parseSite>[0]) => parseSite(site, 'f', at)
  const usual = { host: null, port: 80, address: '0.0.0.0', url: '/', tls: undefined }
  it('has any host on port 80 for a bare module', () => expect(parse('m')).toEqual({ module: 'm', ...usual }))
  it('has port 80 too when only the host is given', () =>
    expect(parse(['m', 'h'])).toEqual({ module: 'm', ...usual, host: 'h' }))
  it('reads certificate, key and passphrase by position', () => {
    expect(parse(['m', 'h', 443, ['c', 'k', 'p']]).tls).toEqual({
      cert: '/base/c',
      key: '/base/k',
      passphrase: 'p',
    })
  })
  it.each([[[1]], [['m', 2]], [['m', 'h', 'x']], [['m', 'h', 80, 'cert']], [['m', 'h', 70_000]]])(
    'refuses %j',
    (site) => {
      expect(() => parse(site)).toThrow(/site .*: the .* entry/)
    },
  )
})

describe('parseListen()', () => {
  it.each([
    [80, { host: '0.0.0.0', port: 80 }],
    ['127.0.0.1:80', { host: '127.0.0.1', port: 80 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['/run/x.sock', { host: '/run/x.sock', port: -1 }],
  ])('%j', (given, expected) => expect(parseListen(given, 'f')).toEqual(expected))
  it.each(['80', '::1:80', 'host', 'host:99999'])('refuses %j', (given) =>
    expect(() => parseListen(given, 'f')).toThrow(/is no address/),
  )
})
