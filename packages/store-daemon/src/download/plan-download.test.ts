import { describe, expect, it } from 'vitest'
import { planDownload, type DownloadRequest } from './plan-download.ts'

const request: DownloadRequest = {
  url: '"http://a/x"',
  mirrors: null,
  contentAddressedMirrors: null,
  name: 'x',
  algorithm: 'sha256',
  hash: '00'.repeat(32),
}
const plan = (more: Partial<DownloadRequest>) => {
  const { urls, notes } = planDownload({ ...request, ...more })
  return { urls: urls.map(({ href }) => href), notes }
}

describe('planDownload()', () => {
  it.each([
    ['"http://a/x"', ['http://a/x']],
    ['("http://a/x" "https://b/x")', ['http://a/x', 'https://b/x']],
    ['http://a/x?y=1', ['http://a/x?y=1']],
    ['("http://a/x" "http://a/x")', ['http://a/x']],
    ['"mirror://none/x"', []],
  ])('reads %s', (url, urls) => {
    expect(plan({ url }).urls).toEqual(urls)
  })

  it('names what it cannot use', () => {
    expect(plan({ url: '("ftp://a/x" "http://b/x")' })).toEqual({
      urls: ['http://b/x'],
      notes: ['cannot download from ftp://a/x'],
    })
    expect(plan({ mirrors: '(' }).notes[0]).toContain('ignoring the mirrors')
  })

  it('tries a mirror for each of its addresses', () => {
    const mirrors = `((gnu "http://m1/gnu/" "http://m2/gnu") ; those
      (kde "http://kde/"))`
    expect(plan({ url: '"mirror://gnu/h/h.tar"', mirrors }).urls).toEqual([
      'http://m1/gnu/h/h.tar',
      'http://m2/gnu/h/h.tar',
    ])
  })

  it.each([
    [
      '(list (lambda (file algo hash) (if (eq? algo (quote sha256)) (string-append "http://c/" file) #f)))',
      'http://c/x',
    ],
    [
      '(list (lambda (file algo hash) (let ((a \'md5)) (string-append "http://c/" (symbol->string a)))))',
      'http://c/md5',
    ],
  ])('runs %s', (contentAddressedMirrors, url) => {
    expect(plan({ contentAddressedMirrors }).urls).toEqual(['http://a/x', url])
  })

  it.each([
    ['(define (f) (f)) (f)', 'does not end'],
    ['(define (f x) (f (string-append x x))) (f "xxxxxxxxxxxxxxxx")', 'too long'],
    ['(system "reboot")', 'system is not known here'],
    ['(lambda)', 'list of parameters'],
    [`${'('.repeat(1000)}`, 'nested too deeply'],
    ['(list', 'cut off'],
    [')', 'unexpected ")"'],
    ['"', 'unexpected text'],
    ['("x" 1)', 'is no procedure'],
    ['(constructor)', 'constructor is not known here'],
  ])('does without %s', (contentAddressedMirrors, reason) => {
    const { urls, notes } = plan({ contentAddressedMirrors })
    expect(urls).toEqual(['http://a/x'])
    expect(notes.join()).toContain(reason)
  })
})
