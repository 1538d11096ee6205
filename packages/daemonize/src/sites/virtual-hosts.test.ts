import { describe, expect, it } from 'vitest'
import { belowMount, parseAuthority, redirectLocation, SiteTable } from './virtual-hosts.ts'

describe('parseAuthority()', () => {
  it.each([
    ['main.test', { name: 'main.test', port: null }],
    ['MAIN.Test.:8080', { name: 'main.test', port: 8080 }],
    ['[::1]:80', { name: '[::1]', port: 80 }],
    ['[0:0:0:0:0:0:0:1]', { name: '[::1]', port: null }],
    ['bücher.test', { name: 'xn--bcher-kva.test', port: null }],
    ['127.0.0.1:', { name: '127.0.0.1', port: null }],
    ['a:b', undefined],
    ['::1', undefined],
    ['a b', undefined],
    ['user@host', undefined],
    ['host:99999', undefined],
    ['', undefined],
    ['[::1', undefined],
  ])('%j', (text, expected) => expect(parseAuthority(text)).toEqual(expected))
})

describe('SiteTable', () => {
  const site = (name: string, host: string | null, port: number, url = '/', secure = false) => ({
    name,
    host,
    port,
    url,
    secure,
  })
  const table = new SiteTable([
    site('a', 'A.test.', 80),
    site('deep', 'a.test', 80, '/deep/er'),
    site('mounted', 'a.test', 80, '/deep'),
    site('later', 'a.test', 80),
    site('any', null, 81),
    site('tls', 'a.test', 443, '/', true),
  ])
  const find = (host: string | undefined, port: number, secure = false) =>
    table.find(host === undefined ? undefined : parseAuthority(host), port, secure)?.map(({ name }) => name)

  it('gives the deepest mount first, and of two at one place the later', () => {
    expect(find('a.test', 80)).toEqual(['deep', 'mounted', 'later', 'a'])
  })
  it('takes the port of the header before that of the socket', () => {
    expect(find('x.test:81', 80)).toEqual(['any'])
    expect(find('a.test:82', 80)).toBeUndefined()
  })
  it('knows a catch-all, also for requests without a host', () => {
    expect(find(undefined, 81)).toEqual(['any'])
    expect(find(undefined, 80)).toBeUndefined()
  })
  it('never shows a site with TLS on a connection without it, nor the reverse', () => {
    expect(find('a.test:443', 80, false)).toBeUndefined()
    expect(find('a.test', 443, true)).toEqual(['tls'])
    expect(find('a.test:80', 443, true)).toBeUndefined()
  })
})

describe('belowMount()', () => {
  it.each([
    ['/', '/a?b', '/a?b'],
    ['/x', '/x', '/'],
    ['/x/', '/x', '/'],
    ['/x/', '/x/y', '/y'],
    ['/x', '/x?q', '/?q'],
    ['/x', '/xy', undefined],
    ['/x', '/y', undefined],
  ])('%s %s', (url, path, expected) => expect(belowMount(url, path)).toBe(expected))
})

describe('redirectLocation()', () => {
  const from = (host: string | undefined, socketPort = 8080, secure = false) => ({
    authority: host === undefined ? undefined : parseAuthority(host),
    socketPort,
    secure,
    path: '/p?q',
  })
  it.each([
    ['main.test', from('nope.test'), 'http://main.test/p?q'],
    ['main.test:8080', from('nope.test:8080'), 'http://main.test:8080/p?q'],
    ['main.test', from(undefined), 'http://main.test/p?q'],
    ['main.test', from('nope.test', 443, true), 'https://main.test/p?q'],
    ['main.test', from('main.test:80'), 'http://main.test/p?q'],
    ['main.test', from('MAIN.test'), undefined],
    ['main.test:8080', from('main.test'), undefined],
    ['main.test:8080', from('main.test:8080'), undefined],
  ])('%s from %j', (target, request, expected) => expect(redirectLocation(target, request)).toBe(expected))
})
