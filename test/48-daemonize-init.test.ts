// Units and scripts for init systems, checked by those systems' own programs and run by them.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { daemonize, runDaemonize, TestService, until } from './support/daemonize.ts'
import { isRoot } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'

const scratch = new Scratch('daemonize-init')

/** What the tests need beyond a bare system: a missing one is an error that says so. */
function need(program: string): void {
  const found = spawnSync('sh', ['-c', `command -v ${program} || command -v /sbin/${program}`])
  if (found.status !== 0) throw new Error(`${program} is missing: apt-get install systemd openrc s6 runit`)
}

async function unitOf(service: TestService | undefined, kind: string): Promise<string> {
  const { status, stdout, stderr } = await runDaemonize([
    ...(service ? [service.conf] : []),
    'unit',
    `--${kind}`,
  ])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return stdout
}

const makeService = () => {
  const service = new TestService(scratch, {})
  service.configure({
    command: service.script(
      'service.sh',
      'trap "echo again" HUP\necho up\nwhile :; do sleep 1000 & wait $!; done\n',
    ),
    ready: { line: 'up' },
  })
  return service
}

it('systemd: the unit is sound', async () => {
  need('systemd-analyze')
  const service = makeService()
  const unit = scratch.file('plumbline-test.service')
  writeFileSync(unit, await unitOf(service, 'systemd'))
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

/** Runs a script with /etc and OpenRC's state replaced by copies, which go with the namespace. */
function inOwnEtc(script: string): { status: number | null; stdout: string; stderr: string } {
  const etc = scratch.file('etc')
  const prepare = `set -e; rm -rf ${etc}; cp -a /etc ${etc}; mount --bind ${etc} /etc; mkdir -p /etc/daemonize /etc/conf.d /etc/init.d`
  return spawnSync('unshare', ['-m', 'bash', '-c', `${prepare}; set +e; ${script}`], {
    encoding: 'utf8',
    timeout: 60_000,
  })
}

describe('sysv', () => {
  it('does every action with LSB statuses, under each shell', async () => {
    const service = makeService()
    const script = scratch.file('sysv')
    writeFileSync(script, await unitOf(service, 'sysv'), { mode: 0o755 })
    for (const shell of ['dash', 'bash', 'bash --posix']) {
      const act = (action: string) =>
        spawnSync('sh', ['-c', `${shell} ${script} ${action}`], { encoding: 'utf8' }).status
      const statuses = [
        'status',
        'stop',
        'reload',
        'try-restart',
        'start',
        'start',
        'status',
        'reload',
        'force-reload',
        'restart',
        'try-restart',
        'status',
        'stop',
        'status',
        'nonsense',
      ].map(act)
      expect(statuses).toEqual([3, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2])
    }
    expect(spawnSync('dash', ['-n', script]).status).toBe(0)
  })

  it.skipIf(!isRoot).each([
    ['/etc/daemonize/NAME.json', 'cp CONF /etc/daemonize/my.own.site.json'],
    ['/etc/conf.d/NAME as the configuration', 'cp CONF /etc/conf.d/my.own.site'],
    ['/etc/conf.d/NAME.conf', 'cp CONF /etc/conf.d/my.own.site.conf'],
    ['/etc/conf.d/NAME as shell', 'echo CONF=CONF > /etc/conf.d/my.own.site'],
    ['/etc/default/NAME', 'echo CONF=CONF > /etc/default/my.own.site'],
  ])('by a link, with a name with dots: %s', async (_, prepare) => {
    const service = makeService()
    writeFileSync(scratch.file('generic'), await unitOf(undefined, 'sysv'), { mode: 0o755 })
    const { stdout, stderr } = inOwnEtc(
      `cp ${scratch.file('generic')} /etc/init.d/daemonize; ln -s daemonize /etc/init.d/my.own.site; mkdir -p /etc/rc2.d; ln -s ../init.d/my.own.site /etc/rc2.d/S20my.own.site
       ${prepare.replace(/CONF(?!=)/, service.conf)}
       /etc/rc2.d/S20my.own.site start; echo $?; /etc/init.d/my.own.site status >/dev/null; echo $?; /etc/init.d/my.own.site stop; echo $?; /etc/init.d/my.own.site status >/dev/null; echo $?`,
    )
    expect({ stdout, stderr }).toEqual({ stdout: '0\n0\n0\n3\n', stderr: '' })
  })

  it.skipIf(!isRoot).each(['/etc/init.d', '/', '/mnt'])(
    'by a link, called in %s, where there is something of its name',
    async (place) => {
      const service = makeService()
      writeFileSync(scratch.file('generic'), await unitOf(undefined, 'sysv'), { mode: 0o755 })
      const { stdout, stderr } = inOwnEtc(
        `cp ${scratch.file('generic')} /etc/init.d/daemonize; ln -s daemonize /etc/init.d/home; cp ${service.conf} /etc/daemonize/home.json
       mount -t tmpfs none /mnt; mkdir /mnt/home; cd ${place}
       /etc/init.d/home start; echo $?; /etc/init.d/home stop; echo $?`,
      )
      expect({ stdout, stderr }).toEqual({ stdout: '0\n0\n', stderr: '' })
    },
  )
})

describe.skipIf(!isRoot)('OpenRC', () => {
  it.each([true, false])('runs it, by a link: %s', async (byLink) => {
    need('openrc-run')
    const service = makeService()
    writeFileSync(scratch.file('openrc'), await unitOf(byLink ? undefined : service, 'openrc'), {
      mode: 0o755,
    })
    const install = byLink
      ? `cp ${scratch.file('openrc')} /etc/init.d/daemonize; ln -s daemonize /etc/init.d/my.site; cp ${service.conf} /etc/daemonize/my.site.json`
      : `cp ${scratch.file('openrc')} /etc/init.d/my.site`
    const { stdout } = inOwnEtc(
      `cp -a /run/openrc ${scratch.file('orc')}; mount -t tmpfs none /run/openrc; cp -a ${scratch.file('orc')}/. /run/openrc/; touch /run/openrc/softlevel
       ${install}
       for action in status start status reload restart check status stop status; do /etc/init.d/my.site $action >/dev/null 2>&1; echo $action $?; done`,
    )
    expect(stdout).toBe(
      'status 3\nstart 0\nstatus 0\nreload 0\nrestart 0\ncheck 0\nstatus 0\nstop 0\nstatus 3\n',
    )
    expect(service.processes()).toEqual([])
  })
})

describe.each(['s6', 'runit'] as const)('%s', (kind) => {
  it('has the service itself as its child, and stops it', async () => {
    need(kind === 's6' ? 's6-supervise' : 'runsv')
    const service = makeService()
    const folder = scratch.file(`${kind}-service`)
    mkdirSync(folder)
    writeFileSync(`${folder}/run`, await unitOf(service, kind))
    chmodSync(`${folder}/run`, 0o755)
    const supervisor = spawn(kind === 's6' ? 's6-supervise' : 'runsv', [folder], { stdio: 'ignore' })
    const ended = new Promise((resolve) => supervisor.on('close', resolve))
    const stat = () =>
      spawnSync(kind === 's6' ? 's6-svstat' : 'sv', kind === 's6' ? [folder] : ['status', folder], {
        encoding: 'utf8',
      }).stdout
    const status = () => service.run('status')
    await until('it runs', async () => (await status()).status === 0)
    const before = (await status()).record['pid']
    expect(stat()).toMatch(
      kind === 's6' ? new RegExp(`up \\(pid ${before}\\)`) : new RegExp(`run: .*\\(pid ${before}\\)`),
    )
    // Killed, it is started again by the supervisor, and is one service.
    process.kill(Number(before), 'SIGKILL')
    await until('there is another', async () => {
      const { status: code, record } = await status()
      return code === 0 && record['pid'] !== before
    })
    expect(service.processes()).toHaveLength(1)
    // Restarted, it is the supervisor's again, and not one of ours in its way.
    const restarted = await service.run('restart')
    expect(restarted).toMatchObject({ status: 0, record: { state: 'running', changed: true } })
    expect(stat()).toContain(`(pid ${restarted.record['pid']})`)
    expect(service.processes()).toHaveLength(1)
    spawnSync(kind === 's6' ? 's6-svc' : 'sv', kind === 's6' ? ['-d', '-wD', folder] : ['down', folder])
    await until('it has gone', () => service.processes().length === 0)
    // runsv ends on TERM; s6-supervise on its command x.
    if (kind === 's6') spawnSync('s6-svc', ['-x', folder])
    else supervisor.kill('SIGTERM')
    await ended
  })
})

describe('in the foreground, with nobody to make it again', () => {
  it('restart says so, and starts none in its place', async () => {
    const service = makeService()
    const child = spawn(process.execPath, [daemonize, service.conf, 'nodaemon'], {
      env: environment(),
      stdio: 'pipe',
    })
    await new Promise((resolve) => child.stdout.on('data', resolve))
    const ended = new Promise((resolve) => child.on('close', resolve))
    service.configure({ command: ['/nowhere/to/be/found'] })
    expect((await service.run('restart')).status).toBe(5)
    expect((await service.run('status')).record).toMatchObject({ state: 'running', pid: child.pid })
    service.configure({ command: ['true'] })
    const { status, stderr } = await service.run('restart', '--timeout', '100')
    await ended
    expect(status).toBe(1)
    expect(stderr).toContain('it ran in the foreground, and nobody has made it again within 100 ms')
    expect((await service.run('status')).status).toBe(3)
  })
})

it('a link to the configuration, or a name without its path, is found', async () => {
  const service = makeService()
  symlinkSync(service.conf, scratch.file('named.json'))
  expect((await runDaemonize([scratch.file('named.json'), 'check'])).status).toBe(0)
})
