// Full disks, files that cannot be read or written, and what is found after a crash.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { describe, expect, it } from 'vitest'
import { daemonize, isAlive, runDaemonize, TestService, until } from './support/daemonize.ts'
import { isRoot } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'

const scratch = new Scratch('daemonize-faults')

/** A small tmpfs without a free byte; `free` gives it back. */
function fullDisk(name: string): { path: string; free: () => void } {
  const path = scratch.file(name)
  mkdirSync(path)
  expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=755', 'none', path]).status).toBe(0)
  scratch.onEnd(() => void spawnSync('umount', [path]))
  mkdirSync(`${path}/run`)
  spawnSync('dd', ['if=/dev/zero', `of=${path}/filler`, 'bs=1k', 'count=1000'])
  return { path, free: () => unlinkSync(`${path}/filler`) }
}

describe.skipIf(!isRoot)('a full disk', () => {
  it('under the pidfile: the start fails, nothing runs, nothing is left; with room it works', async () => {
    const { path, free } = fullDisk('pid')
    const service = new TestService(scratch, {})
    const command = service.script('service.sh', 'exec sleep 1000 # x\nsleep 1000\n')
    service.configure({ command, ready: 'exec', pidfile: `${path}/run/s.pid`, env: { MARK: service.name } })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain('record: no space left on device')
    expect(readdirSync(`${path}/run`)).toEqual(['s.lock'])
    expect((await service.run('status')).status).toBe(3)
    free()
    expect((await service.run('start')).status).toBe(0)
    expect((await service.run('status')).status).toBe(0)
    expect((await service.run('stop')).status).toBe(0)
  })

  it('that fills up later: stop, restart after a crash, and status still tell the truth', async () => {
    const { path, free } = fullDisk('later')
    free()
    const service = new TestService(scratch, {})
    const command = service.script('service.sh', 'echo up\nexec sleep 1000\n')
    service.configure({
      command,
      ready: { line: 'up' },
      pidfile: `${path}/run/s.pid`,
      restart: 'always',
      restart_reset: 0,
    })
    expect((await service.run('start')).status).toBe(0)
    spawnSync('dd', ['if=/dev/zero', `of=${path}/filler`, 'bs=1k', 'count=1000'])
    const pidOf = () => Number(readFileSync(`${path}/run/s.pid`, 'utf8'))
    const before = pidOf()
    process.kill(before, 'SIGKILL')
    await until('there is another, and it is written down', () => pidOf() !== before && isAlive(pidOf()))
    const { status, record } = await service.run('status')
    expect(status).toBe(0)
    expect(record['pid']).toBe(pidOf())
    expect((await service.run('stop')).status).toBe(0)
    expect(isAlive(Number(record['pid']))).toBe(false)
  })

  it('under log and cache: the service starts and lives', async () => {
    const { path } = fullDisk('log')
    const service = new TestService(scratch, {})
    const command = service.script('service.sh', 'while :; do echo still here; sleep 0.02; done\n')
    service.configure({ command, ready: { delay: 100 }, log: `${path}/s.log`, cachedir: `${path}/cache` })
    const { status, stderr } = await service.run('start')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect((await service.run('status')).status).toBe(0)
    expect((await service.run('stop')).status).toBe(0)
  })

  it('under the log of sites: they go on serving', async () => {
    const { path } = fullDisk('sites')
    const modules = scratch.file('modules')
    mkdirSync(modules)
    writeFileSync(
      `${modules}/chatty.mjs`,
      'export default (req, res) => { console.log("x".repeat(9000)); console.error("y"); res.end("ok") }',
    )
    const port = 28_000 + (process.pid % 2000)
    const service = new TestService(scratch, {
      log: `${path}/s.log`,
      module_paths: [modules],
      sites: [['chatty', null, port]],
    })
    expect((await service.run('start')).status).toBe(0)
    const before = service.pid()
    for (let n = 0; n < 50; n++) {
      expect(spawnSync('curl', ['-s', `http://127.0.0.1:${port}/`], { encoding: 'utf8' }).stdout).toBe('ok')
    }
    expect(service.pid()).toBe(before)
    expect(isAlive(before)).toBe(true)
  })
})

describe('what cannot be read or written', () => {
  it.skipIf(!isRoot)('an unreadable configuration: not configured, and status does not know', async () => {
    const conf = scratch.file('secret.json')
    writeFileSync(conf, '{"name":"x","command":["sleep","1"]}')
    chmodSync(conf, 0o600)
    const asNobody = (command: string) =>
      spawnSync(
        'setpriv',
        ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, daemonize, conf, command],
        { env: environment(), encoding: 'utf8' },
      )
    expect(asNobody('start')).toMatchObject({ status: 6 })
    expect(asNobody('start').stderr).toContain('permission denied')
    expect(asNobody('status')).toMatchObject({ status: 4 })
  })

  it('a configuration that is a FIFO makes nobody wait', async () => {
    const conf = scratch.file('fifo.json')
    spawnSync('mkfifo', [conf])
    const { status } = spawnSync(process.execPath, [daemonize, conf, 'start'], {
      env: environment(),
      timeout: 10_000,
    })
    expect(status).toBe(6)
  })

  it.each([{ line: 'up' }, { socket: './up' }])(
    'a folder for the pidfile that is gone when it is ready, as it shows by %j: nothing stays',
    async (ready) => {
      const service = new TestService(scratch, {})
      const listen = "require('net').createServer().listen('up', () => console.log('up'))"
      const script = service.script(
        'service.sh',
        `rm -r ./run\nexec ${process.execPath} -e "${listen}" # "$0"\n`,
      )
      service.configure({ command: script, cwd: service.folder, ready })
      const { status, stderr, record } = await service.run('start')
      expect(stderr).toContain('record: no such file or directory')
      expect({ status, state: record['state'] }).toEqual({ status: 1, state: 'stopped' })
      expect(service.processes()).toEqual([])
    },
  )

  it.skipIf(!isRoot)('a read-only folder for the pidfile', async () => {
    const path = scratch.file('readonly')
    mkdirSync(path)
    expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'none', path]).status).toBe(0)
    scratch.onEnd(() => void spawnSync('umount', [path]))
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    service.configure({ command: ['sleep', '1000'], pidfile: `${path}/s.pid` })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain('read-only file system')
  })
})

describe('after a power failure', () => {
  it.skipIf(!isRoot)('records of another boot, and half-written ones, are nobody', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    await service.run('start')
    const text = readFileSync(service.state, 'utf8')
    const record = JSON.parse(text) as Record<string, unknown>
    const alive = service.pid()
    writeFileSync(service.state, JSON.stringify({ ...record, boot: '00000000-0000-0000-0000-000000000000' }))
    expect((await service.run('status')).record).toMatchObject({
      state: 'dead',
      reason: 'the machine was started anew since',
    })
    for (const half of [text.slice(0, 40), '', '{}', 'null', '\0'.repeat(100)]) {
      writeFileSync(service.state, half)
      expect((await service.run('status')).status).toBe(1)
    }
    // Its cgroup is what still tells of it.
    expect((await service.run('stop')).status).toBe(0)
    expect(isAlive(alive)).toBe(false)
    writeFileSync(`${service.state}.new`, text)
    writeFileSync(`${service.pidfile}.new`, '12')
    expect((await service.run('start')).status).toBe(0)
    expect((await service.run('stop')).status).toBe(0)
    expect(readdirSync(`${service.folder}/run`)).toEqual(['s.lock'])
  })

  it.skipIf(!isRoot)(
    'a service whose folder was swept is found by its cgroup, and there are never two',
    async () => {
      const service = new TestService(scratch, {})
      service.configure({
        command: service.script('service.sh', 'echo up\nwhile :; do sleep 1; done\n'),
        ready: { line: 'up' },
      })
      await service.run('start')
      spawnSync('rm', ['-r', `${service.folder}/run`])
      const { status, record } = await service.run('status')
      expect(status).toBe(1)
      expect(record['reason']).toBe('there are processes of it, and no record of them')
      expect((await service.run('start')).status).toBe(0)
      expect(service.processes()).toEqual([service.pid()])
      spawnSync('rm', ['-r', `${service.folder}/run`])
      expect((await service.run('stop')).status).toBe(0)
      expect(service.processes()).toEqual([])
    },
  )

  it('a service whose pidfile is called like another one and more is not taken for it', async () => {
    const service = new TestService(scratch, { command: 'exec sleep 1000' })
    const other = new TestService(scratch, {})
    other.configure({ name: service.name, pidfile: `${service.pidfile}@2`, command: 'exec sleep 1000' })
    await other.run('start')
    expect((await service.run('status')).record).toMatchObject({ state: 'stopped', left: [] })
    await service.run('start')
    expect((await service.run('stop')).status).toBe(0)
    expect((await other.run('status')).record).toMatchObject({ state: 'running' })
    expect((await other.run('stop')).status).toBe(0)
  })

  it.skipIf(!isRoot)('zap removes the cgroup too of a service that was killed', async () => {
    const service = new TestService(scratch, { command: 'exec sleep 1000' })
    await service.run('start')
    const { cgroup } = JSON.parse(readFileSync(service.state, 'utf8')) as { cgroup: string }
    process.kill(service.pid(), 'SIGKILL')
    await until('it is gone', () => readFileSync(`${cgroup}/cgroup.procs`, 'utf8') === '')
    expect((await service.run('zap')).status).toBe(0)
    expect(existsSync(cgroup)).toBe(false)
  })

  it.skipIf(!isRoot).each(['stop', 'start'])(
    '%s removes an empty cgroup that no record tells of',
    async (command) => {
      const service = new TestService(scratch, { command: 'exec sleep 1000' })
      await service.run('start')
      const { cgroup } = JSON.parse(readFileSync(service.state, 'utf8')) as { cgroup: string }
      const pid = service.pid()
      await service.run('zap', '--force')
      process.kill(pid, 'SIGKILL')
      await until('it is gone', () => readFileSync(`${cgroup}/cgroup.procs`, 'utf8') === '')
      const { status, record } = await service.run(command)
      expect({ status, changed: record['changed'] }).toEqual({ status: 0, changed: command === 'start' })
      expect(existsSync(cgroup)).toBe(false)
    },
  )

  it('a service that outlived everything of ours is still known, and stopped', async () => {
    const service = new TestService(scratch, {})
    service.configure({
      command: service.script('service.sh', 'echo up\nwhile :; do sleep 1; done\n'),
      ready: { line: 'up' },
      restart: 'always',
    })
    const { record } = await service.run('start')
    process.kill(Number(record['keeper']), 'SIGKILL')
    await until('the keeper has gone', () => !isAlive(Number(record['keeper'])))
    expect((await service.run('status')).record).toMatchObject({ state: 'running', pid: record['pid'] })
    expect((await service.run('stop')).status).toBe(0)
    expect(service.processes()).toEqual([])
  })
})

describe('an environment larger than a socket holds', () => {
  it('reaches the service', async () => {
    const env = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`LARGE${n}`, 'x'.repeat(100_000)]))
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec', env })
    const { status, record } = await service.run('start')
    expect(status).toBe(0)
    expect(readFileSync(`/proc/${String(record['pid'])}/environ`, 'latin1').length).toBeGreaterThan(1_200_000)
  })
})

describe('a configuration that is said to be in what is no folder', () => {
  it('cannot be read', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1000'] })
    const { status, stderr } = await runDaemonize([`${service.conf}/x.json`, 'start'])
    expect(status).not.toBe(70)
    expect(stderr).toContain('Cannot read')
  })
})
