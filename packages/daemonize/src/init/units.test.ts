import { describe, expect, it } from 'vitest'
import { formatUnit, unitKinds } from './units.ts'

const service = {
  name: 'a.b',
  conf: "/etc/it's here.json",
  pidfile: '/run/a.pid',
  startTimeout: 1000,
  stopTimeout: 2000,
  keep: false,
}
const unit = { program: ['/usr/bin/node', '/opt/50% off/daemonize.js'], service }

describe('formatUnit()', () => {
  it('quotes for systemd', () => {
    expect(formatUnit('systemd', unit)).toContain(
      `ExecStart=/usr/bin/node "/opt/50%% off/daemonize.js" "/etc/it's here.json" start\n`,
    )
  })
  it('takes the pidfile literally for systemd', () => {
    const odd = { ...service, pidfile: '/run/50% n/a.pid' }
    expect(formatUnit('systemd', { ...unit, service: odd })).toContain('PIDFile=/run/50%% n/a.pid\n')
  })
  it.each(['sysv', 'openrc', 's6', 'runit'] as const)('quotes for the shell: %s', (kind) => {
    expect(formatUnit(kind, unit)).toContain(`'/etc/it'\\''s here.json'`)
    expect(formatUnit(kind, unit)).toContain(`'/opt/50% off/daemonize.js'`)
  })
  it('has a script without a service only where names of links count', () => {
    const kinds = unitKinds.filter((kind) => formatUnit(kind, { ...unit, service: undefined }) !== undefined)
    expect(kinds).toEqual(['openrc', 'sysv'])
  })
})
