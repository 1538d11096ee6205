// What a started service is, as the kernel tells it: descriptors, environment, umask, terminal, session, identity,
// limits; and that it cannot get back what it gave up.
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  watch,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { daemonize, TestService, until } from './support/daemonize.ts'
import { asUnprivileged, isRoot, unprivilegedUid } from './support/root.ts'
import { Scratch } from './support/scratch.ts'
import { environment } from './support/shell.ts'

const scratch = new Scratch('daemonize-confinement')

/** A service that writes down what it is, in a folder that everyone can write. */
const audit = `
import json, os, resource, signal, sys, time
def attempt(what):
    try:
        what()
        return 'done'
    except Exception as error:
        return type(error).__name__
status = dict(line.split(':\\t', 1) for line in open('/proc/self/status').read().split('\\n') if ':\\t' in line)
ignored = [n for n in range(1, 65) if n not in (9, 19, 32, 33) and signal.getsignal(n) == signal.SIG_IGN]
out = {
  'env': dict(os.environ), 'umask': oct(os.umask(0o777)), 'cwd': os.getcwd(), 'argv': sys.argv[1:],
  'fds': {f: os.readlink('/proc/self/fd/' + f) for f in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + f)},
  'uid': os.getresuid(), 'gid': os.getresgid(), 'groups': sorted(os.getgroups()),
  'pid': os.getpid(), 'ppid': os.getppid(), 'sid': os.getsid(0), 'pgid': os.getpgid(0),
  'tty': attempt(lambda: open('/dev/tty')),
  'caps': {k: status[k].strip() for k in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'SigIgn', 'SigBlk')},
  'nofile': resource.getrlimit(resource.RLIMIT_NOFILE), 'core': resource.getrlimit(resource.RLIMIT_CORE),
  'nice': os.getpriority(os.PRIO_PROCESS, 0), 'oom': open('/proc/self/oom_score_adj').read().strip(),
  'root': attempt(lambda: os.setuid(0)), 'rootgroup': attempt(lambda: os.setgid(0)), 'groupsback': attempt(lambda: os.setgroups([0])),
  'shadow': attempt(lambda: open('/etc/shadow')),
}
os.umask(0o022)
with open(os.environ['OUT'] + '.new', 'w') as f: json.dump(out, f)
os.rename(os.environ['OUT'] + '.new', os.environ['OUT'])
time.sleep(1000)
`
const script = scratch.file('audit.py')
writeFileSync(script, audit)
const open = scratch.file('open')
mkdirSync(open)
chmodSync(open, 0o1777)

type Audit = {
  env: Record<string, string>
  fds: Record<string, string>
  caps: Record<string, string>
  [key: string]: unknown
}

let audits = 0

async function auditOf(
  config: Record<string, unknown>,
  starter?: (conf: string) => { status: number | null; stderr: string },
): Promise<Audit> {
  const out = `${open}/${++audits}.json`
  const { env = {}, ...rest } = config
  const service = new TestService(scratch, {})
  service.configure({
    command: ['/usr/bin/python3', script],
    ready: { delay: 0 },
    env: { OUT: out, ...(env as Record<string, string>) },
    ...rest,
  })
  const { status, stderr } = starter ? starter(service.conf) : await service.run('start')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  await until('it has written down what it is', () => existsSync(out))
  const found = JSON.parse(readFileSync(out, 'utf8')) as Audit
  await service.run('kill')
  return found
}

describe('a service started from an untidy shell', () => {
  // Stray descriptors, HUP ignored, USR1 blocked, umask 077, a terminal, and a secret in the environment.
  const dirty = (conf: string) => {
    const inner = `exec 9</etc/passwd 10</etc/passwd 251</etc/passwd; umask 077; export SECRET=hunter2; trap '' HUP; exec ${process.execPath} ${daemonize} ${conf} start >/dev/null`
    const blocked = `import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\nos.execv('/bin/bash', ['bash', '-c', sys.argv[1]])`
    const { status, stderr } = spawnSync(
      'script',
      ['-qec', `python3 -c "${blocked.replaceAll('\n', '; ')}" '${inner}'`, '/dev/null'],
      {
        env: environment(),
        encoding: 'utf8',
      },
    )
    return { status, stderr }
  }

  it('has only its own descriptors, environment, signals, umask, session', async () => {
    const found = await auditOf({}, dirty)
    // listdir's own descriptor has gone when it is looked at.
    expect(Object.keys(found.fds).sort()).toEqual(['0', '1', '2'])
    expect(found.fds['0']).toBe('/dev/null')
    expect(found.fds['1']).toMatch(/s\.log$/)
    expect(found.fds['2']).toBe(found.fds['1'])
    expect(Object.keys(found.env).sort()).toEqual(
      ['HOME', 'INVOCATION_ID', 'LANG', 'LOGNAME', 'OUT', 'PATH', 'SHELL', 'TZ', 'USER']
        .concat(found.env['LC_CTYPE'] ? ['LC_CTYPE'] : [])
        .sort(),
    )
    expect(found['umask']).toBe('0o22')
    expect(found['cwd']).toBe('/')
    expect(found['tty']).toBe('OSError')
    expect(found.caps).toMatchObject({ SigBlk: '0000000000000000' })
    // Python ignores PIPE and XFSZ itself.
    expect(BigInt(`0x${found.caps['SigIgn']}`) & 1n).toBe(0n)
    expect(found['sid']).not.toBe(found['pid'])
    expect(found['pgid']).toBe(found['pid'])
  })

  it('$(daemonize CONF start) returns, and so does a pipe', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    const text = `x=$(${process.execPath} ${daemonize} ${service.conf} start 2>&1) && echo "$x" | grep -c running`
    const { stdout, status } = spawnSync('bash', ['-c', text], {
      env: environment(),
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect({ stdout, status }).toEqual({ stdout: '1\n', status: 0 })
  })
})

describe('a service of another user', () => {
  it.skipIf(!isRoot)(
    'is that user, with the groups, without a way back, and knows its own name',
    async () => {
      const found = await auditOf({
        user: 'nobody',
        group: 'daemon',
        groups: ['audio'],
        cwd: '/tmp',
        umask: '027',
      })
      const [nobody, daemon, audio] = [65534, 1, 29]
      expect(found).toMatchObject({
        uid: [nobody, nobody, nobody],
        gid: [daemon, daemon, daemon],
        groups: [daemon, audio],
        umask: '0o27',
        cwd: '/tmp',
        root: 'PermissionError',
        rootgroup: 'PermissionError',
        groupsback: 'PermissionError',
        shadow: 'PermissionError',
        env: { USER: 'nobody', LOGNAME: 'nobody', HOME: '/nonexistent', SHELL: '/usr/sbin/nologin' },
      })
      const none = '0000000000000000'
      expect(found.caps).toMatchObject({
        CapInh: none,
        CapPrm: none,
        CapEff: none,
        CapBnd: none,
        CapAmb: none,
        NoNewPrivs: '1',
      })
    },
  )

  it.skipIf(!isRoot)('gets at its folders when the caller keeps everything to themselves', async () => {
    const service = new TestService(scratch, {})
    const [cachedir, pidfile] = [`${service.folder}/var/cache`, `${service.folder}/var/run/s.pid`]
    const body = `echo kept >${cachedir}/file && echo ready\nexec sleep 1000\n`
    const command = service.script('service.sh', body)
    service.configure({ user: 'nobody', command, cachedir, pidfile, ready: { line: 'ready' } })
    chmodSync(service.conf, 0o644)
    const start = `umask 077; exec ${process.execPath} ${daemonize} ${service.conf} start`
    const { status, stderr } = spawnSync('sh', ['-c', start], { env: environment(), encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(statSync(`${cachedir}/file`).uid).toBe(65534)
    expect(statSync(dirname(pidfile)).mode).toBe(0o40755)
    expect((await service.run('stop')).status).toBe(0)
  })

  it.skipIf(!isRoot)('has its supplementary groups from the group database', async () => {
    const made = spawnSync('sh', [
      '-c',
      'id plumbtest >/dev/null 2>&1 || useradd -M -G audio,video plumbtest',
    ])
    scratch.onEnd(() => void spawnSync('userdel', ['plumbtest']))
    expect(made.status).toBe(0)
    const expected = spawnSync('id', ['-G', 'plumbtest'], { encoding: 'utf8' })
      .stdout.trim()
      .split(' ')
      .map(Number)
    const found = await auditOf({ user: 'plumbtest' })
    expect(found['groups']).toEqual(expected.sort((a, b) => a - b))
  })

  it.skipIf(!isRoot)('may keep the capabilities named, and no others', async () => {
    const found = await auditOf({ user: 'nobody', capabilities: ['net_bind_service'] })
    const bit = '0000000000000400'
    expect(found.caps).toMatchObject({ CapPrm: bit, CapEff: bit, CapBnd: bit, CapAmb: bit })
  })

  it('has limits, nice and oom score as told', async () => {
    const found = await auditOf({
      limits: { nofile: [128, 256], core: 0 },
      nice: 5,
      oom_score: 500,
      pass_env: ['EXTRA'],
    })
    expect(found).toMatchObject({ nofile: [128, 256], core: [0, 0], nice: 5, oom: '500' })
  })

  it('may have fewer descriptors than it took to hand them over, and so may its starter', async () => {
    const config = {
      command: 'echo >&9; exec sleep 1000',
      listen: [isRoot ? '127.0.0.1:873' : '127.0.0.1:0'],
      ready: { fd: 9 },
      limits: { nofile: 16 },
    }
    const services = Array.from({ length: 20 }, () => new TestService(scratch, { ...config, listen: [] }))
    services.push(new TestService(scratch, config))
    const confs = services.map(({ conf }) => conf).join(' ')
    const act = (command: string) =>
      spawnSync('bash', ['-c', `ulimit -n 40; ${process.execPath} ${daemonize} ${confs} ${command}`], {
        env: environment(),
        encoding: 'utf8',
      })
    // More services than descriptors: none of them is kept.
    for (const command of ['start', 'restart', 'stop'])
      expect({ command, ...act(command) }).toMatchObject({ command, status: 0, stderr: '' })
  })

  it.skipIf(!isRoot)('gets sockets below 1024 that were bound before, and no capability for it', async () => {
    const port = 871
    const server = scratch.file('socket.py')
    writeFileSync(
      server,
      'import os, socket\ns = socket.socket(fileno=3)\nassert os.environ["LISTEN_FDS"] == "1" and int(os.environ["LISTEN_PID"]) == os.getpid()\nwhile True:\n  c, _ = s.accept(); c.sendall(str(os.getuid()).encode()); c.close()\n',
    )
    const service = new TestService(scratch, {
      user: 'nobody',
      command: ['/usr/bin/python3', server],
      listen: [`127.0.0.1:${port}`],
      ready: { delay: 100 },
    })
    const { status, stderr } = await service.run('start')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(spawnSync('bash', ['-c', `cat </dev/tcp/127.0.0.1/${port}`], { encoding: 'utf8' }).stdout).toBe(
      '65534',
    )
    expect(readFileSync(`/proc/${service.pid()}/status`, 'utf8')).toMatch(/CapPrm:\s0{16}/)
  })

  it.skipIf(!isRoot)('has paths beside the configuration, but those below a root of its own', async () => {
    const service = new TestService(scratch, {})
    mkdirSync(`${service.folder}/root/inside`, { recursive: true })
    const place = () => readlinkSync(`/proc/${service.pid()}/cwd`)
    service.configure({ command: ['sleep', '1000'], ready: 'exec', cwd: 'root' })
    expect((await service.run('start')).status).toBe(0)
    expect(place()).toBe(`${service.folder}/root`)
    await service.run('stop')
    // Nothing can be run there: that the step before was done is enough.
    service.configure({ command: ['/sleep', '1000'], ready: 'exec', chroot: 'root', cwd: 'inside' })
    expect((await service.run('start')).stderr).toBe('daemonize: Cannot run "/sleep": not found\n')
    service.configure({ command: ['/sleep', '1000'], ready: 'exec', chroot: 'root', cwd: 'outside' })
    expect((await service.run('start')).stderr).toContain('cwd: no such file or directory')
  })

  it.skipIf(!isRoot)('is jailed by chroot', async () => {
    const jail = scratch.file('jail')
    for (const folder of ['bin', 'lib', 'lib64', 'proc']) mkdirSync(`${jail}/${folder}`, { recursive: true })
    spawnSync('sh', [
      '-c',
      `cp /bin/sh ${jail}/bin/; for l in $(ldd /bin/sh | grep -o '/lib[^ ]*'); do mkdir -p ${jail}$(dirname $l); cp $l ${jail}$l; done`,
    ])
    writeFileSync(`${jail}/here`, '')
    const service = new TestService(scratch, {
      chroot: jail,
      user: 'nobody',
      command: ['/bin/sh', '-c', 'if test -e /here; then echo jailed; fi; while :; do read x; done'],
      ready: { line: '^jailed$' },
    })
    const { status, stderr } = await service.run('start')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  })
})

describe('what is not allowed is refused', () => {
  const asNobody = (...args: string[]) => asNobodyIn({ XDG_RUNTIME_DIR: `${open}/run` }, ...args)
  const asNobodyIn = (variables: Record<string, string>, ...args: string[]) => {
    const [command = '', ...words] = [...asUnprivileged, process.execPath, daemonize, ...args]
    return spawnSync(command, words, { env: environment({ ...variables, HOME: open }), encoding: 'utf8' })
  }

  it.each([
    ['nice', { nice: -5 }, 'nice: permission denied'],
    ['limits', { limits: { nofile: 100_000_000 } }, 'limits: operation not permitted'],
    ['chroot', { chroot: '/tmp' }, 'chroot: operation not permitted'],
    ['listen', { listen: ['127.0.0.1:81'] }, 'cannot listen at 127.0.0.1:81: permission denied'],
  ])('what only root can give: %s', (name, config, reason) => {
    const conf = `${open}/${name}.json`
    const files = { pidfile: `${open}/${name}/s.pid`, cachedir: `${open}/${name}/c`, log: 'none' }
    writeFileSync(conf, JSON.stringify({ name, command: ['sleep', '1000'], ...files, ...config }))
    const { status, stderr } = asNobody(conf, 'start')
    expect({ status, stderr }).toEqual({ status: 4, stderr: `daemonize: Cannot start ${name}: ${reason}\n` })
  })

  it.each(['', 'relative'])('XDG_RUNTIME_DIR is ignored when it is "%s"', (XDG_RUNTIME_DIR) => {
    const conf = `${open}/xdg.json`
    writeFileSync(conf, JSON.stringify({ name: 'xdg', command: ['sleep', '1'] }))
    const { status, stdout } = asNobodyIn({ XDG_RUNTIME_DIR }, conf, 'unit')
    expect(status).toBe(0)
    expect(stdout).toContain(`PIDFile=/tmp/daemonize-${unprivilegedUid}/xdg/xdg.pid\n`)
  })

  it('another user, without root', () => {
    const conf = `${open}/other.json`
    writeFileSync(conf, JSON.stringify({ name: 'other', user: 'daemon', command: ['sleep', '1'] }))
    const { status, stderr } = asNobody(conf, 'start')
    expect(status).toBe(4)
    expect(stderr).toContain('only root can change user and groups')
  })

  it.skipIf(!isRoot)("root's service, stopped by someone else", async () => {
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    expect((await service.run('start')).status).toBe(0)
    chmodSync(service.conf, 0o644)
    expect(asNobody(service.conf, 'status').status).toBe(0)
    const { status, stderr } = asNobody(service.conf, 'stop')
    expect(status).toBe(4)
    expect(stderr).toMatch(/Cannot/)
    expect((await service.run('status')).status).toBe(0)
  })

  it.skipIf(!isRoot)(
    'what may not be seen: its state is unknown, and its log is not for everyone',
    async () => {
      const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
      expect((await service.run('start')).status).toBe(0)
      chmodSync(service.conf, 0o644)
      chmodSync(service.log, 0o600)
      expect(asNobody(service.conf, 'logs').status).toBe(4)
      chmodSync(dirname(service.pidfile), 0o700)
      const { status, stdout } = asNobody(service.conf, 'status')
      expect(status).toBe(4)
      expect(JSON.parse(stdout)).toMatchObject({
        state: 'unknown',
        reason: 'what tells of it cannot be read: permission denied',
      })
      chmodSync(dirname(service.pidfile), 0o755)
      expect(asNobody(service.conf, 'status').status).toBe(0)
    },
  )

  it.skipIf(!isRoot)("another user's service, seen by someone who cannot believe what they say of it", () => {
    const conf = `${open}/theirs.json`
    writeFileSync(conf, JSON.stringify({ name: 'theirs', command: ['sleep', '9'], pidfile: 'theirs/t.pid' }))
    expect(spawnSync('sh', ['-c', `mkdir ${open}/theirs && chown 65533 ${open}/theirs`]).status).toBe(0)
    for (const records of ['t.pid', 't.state']) {
      const write = `echo 4242 >${open}/theirs/${records}; chown 65533 ${open}/theirs/${records}`
      expect(spawnSync('sh', ['-c', write]).status).toBe(0)
      const { status, stdout } = asNobody(conf, 'status')
      expect(status).toBe(4)
      expect(JSON.parse(stdout)).toMatchObject({
        state: 'unknown',
        reason: 'what tells of it cannot be believed: it belongs to user 65533',
      })
    }
    expect(asNobody(conf, 'stop')).toMatchObject({ status: 4 })
  })

  it('it all works without root, in XDG_RUNTIME_DIR', () => {
    const conf = `${open}/own.json`
    writeFileSync(conf, JSON.stringify({ name: 'own', command: ['sleep', '1000'], ready: 'exec' }))
    expect(
      spawnSync('sh', ['-c', `mkdir -m 700 ${open}/run && chown ${unprivilegedUid} ${open}/run`]).status,
    ).toBe(0)
    for (const [command, expected] of [
      ['start', 0],
      ['status', 0],
      ['restart', 0],
      ['stop', 0],
      ['status', 3],
    ] as const) {
      const { status, stderr } = asNobody(conf, command)
      expect({ command, status, stderr }).toEqual({ command, status: expected, stderr: '' })
      if (command === 'start') expect(statSync(`${open}/run/own/own.pid`).uid).toBe(unprivilegedUid)
    }
  })

  it.skipIf(!isRoot)('an unknown user or group', async () => {
    for (const config of [{ user: 'nosuchuser' }, { group: 'nosuchgroup' }, { groups: ['nosuchgroup'] }]) {
      const service = new TestService(scratch, { command: ['sleep', '1'], ...config })
      const { status, stderr } = await service.run('start')
      expect(status).toBe(6)
      expect(stderr).toMatch(/There is no (user|group) "nosuch/)
    }
  })

  it('a module as configuration that others may write', async () => {
    const text = `export default { name: 'm', command: ['sleep', '1'] }`
    const run = async (prepare: (path: string) => void) => {
      const folder = scratch.file(`module-${++audits}`)
      mkdirSync(folder)
      const path = `${folder}/conf.mjs`
      writeFileSync(path, text)
      prepare(path)
      return spawnSync(process.execPath, [daemonize, path, 'check'], { env: environment(), encoding: 'utf8' })
    }
    expect((await run(() => undefined)).status).toBe(0)
    for (const mode of [0o666, 0o664, 0o646])
      expect((await run((path) => chmodSync(path, mode))).status).toBe(4)
    if (isRoot)
      expect((await run((path) => void spawnSync('chown', ['nobody', path]))).stderr).toContain(
        'belongs to user 65534',
      )
    expect((await run((path) => chmodSync(dirname(path), 0o777))).stderr).toContain('others may write folder')
  })

  it.skipIf(!isRoot)('data that others may have written, by root', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1'] })
    for (const [prepare, reason] of [
      ['chmod 666', 'everyone may write it'],
      ['chmod 664', undefined],
      ['chgrp nogroup', 'group 65534 may write it'],
      ['chmod 644', undefined],
      ['chown nobody', 'it belongs to user 65534, not to root'],
    ] as const) {
      expect(spawnSync('sh', ['-c', `${prepare} ${service.conf}`]).status).toBe(0)
      const { status, stderr } = await service.run('check')
      expect({ prepare, status }).toEqual({ prepare, status: reason === undefined ? 0 : 4 })
      expect(stderr).toContain(reason ?? '')
    }
    spawnSync('chown', ['root', service.conf])
  })

  it('a file in place of a socket, and a link in place of a token', async () => {
    const modules = scratch.file('repl-modules')
    mkdirSync(modules)
    writeFileSync(`${modules}/x.mjs`, 'export default (req, res) => res.end()')
    const site = { module_paths: [modules], sites: [{ module: 'x', port: 0 }] }
    const precious = scratch.file('precious')
    writeFileSync(precious, 'precious\n')
    const service = new TestService(scratch, { ...site, repl: precious })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain('address already in use')
    const token = scratch.file('token')
    symlinkSync(precious, token)
    service.configure({ ...site, repl: 0, repl_token_file: token })
    expect((await service.run('start')).status).toBe(0)
    expect(readFileSync(precious, 'utf8')).toBe('precious\n')
    expect(statSync(token)).toMatchObject({ uid: process.getuid?.(), mode: 0o100600 })
  })

  it.skipIf(!isRoot).each(['file', 'kept'])('a log below a link of somebody else: %s', async (kind) => {
    const [own, roots] = [scratch.file(`${kind}-home`), scratch.file(`${kind}-roots`)]
    for (const folder of [own, roots]) mkdirSync(folder)
    symlinkSync(roots, `${own}/logs`)
    const path = `${own}/logs/s.log`
    const service = new TestService(scratch, {})
    service.configure({
      command: ['sleep', '1000'],
      ready: 'exec',
      user: 'nobody',
      log: kind === 'file' ? path : { path },
    })
    expect((await service.run('start')).status).toBe(0)
    expect(existsSync(`${roots}/s.log`)).toBe(true)
    await service.run('stop')
    rmSync(`${roots}/s.log`)
    lchownSync(`${own}/logs`, 65534, 65534)
    const { status, stderr } = await service.run('start')
    expect(status).toBe(1)
    expect(stderr).toContain(`link "${own}/logs" belongs to user 65534`)
    expect(existsSync(`${roots}/s.log`)).toBe(false)
  })

  it.skipIf(!isRoot).each(['cachedir', 'listen'])(
    'what is made for the user below a link of theirs: %s',
    async (key) => {
      const [own, roots] = [scratch.file(`${key}-home`), scratch.file(`${key}-roots`)]
      for (const folder of [own, roots]) mkdirSync(folder)
      symlinkSync(roots, `${own}/link`)
      lchownSync(`${own}/link`, 65534, 65534)
      const path = `${own}/link/made`
      const service = new TestService(scratch, {})
      service.configure({
        command: ['sleep', '1000'],
        ready: 'exec',
        user: 'nobody',
        [key]: key === 'listen' ? [path] : path,
      })
      const { status, stderr } = await service.run('start')
      expect(status).toBe(1)
      expect(stderr).toContain(`link "${own}/link" belongs to user 65534`)
      expect(statSync(`${roots}/made`).uid).toBe(0)
      lchownSync(`${own}/link`, 0, 0)
      rmSync(`${roots}/made`, { recursive: true })
      expect((await service.run('start')).status).toBe(0)
      expect(statSync(`${roots}/made`).uid).toBe(65534)
    },
  )

  it.skipIf(!isRoot)(
    'a link that the user puts in place of the folder of a log that is carried',
    async () => {
      const [own, roots] = [scratch.file('log-home'), scratch.file('log-roots')]
      for (const folder of [own, `${own}/logs`, roots]) mkdirSync(folder)
      for (const folder of [own, `${own}/logs`]) chownSync(folder, 65534, 65534)
      const service = new TestService(scratch, {})
      const go = `${service.folder}/go`
      const body = `while ! test -e ${go}; do sleep 0.02; done; seq 5000; echo all; exec sleep 1000\n`
      service.configure({
        command: service.script('say.sh', body),
        ready: 'exec',
        user: 'nobody',
        log: { path: `${own}/logs/s.log`, max_bytes: 4096 },
      })
      expect((await service.run('start')).status).toBe(0)
      renameSync(`${own}/logs`, `${own}/old`)
      symlinkSync(roots, `${own}/logs`)
      writeFileSync(go, '')
      const said = () => readFileSync(`${own}/old/s.log`, 'utf8')
      await until('all is said', () => readdirSync(roots).length > 0 || said().endsWith('all\n'))
      expect(readdirSync(roots)).toEqual([])
      // No line is lost where it cannot be rotated.
      expect(said().split('\n')).toHaveLength(5002)
    },
  )

  it.skipIf(!isRoot)('a link that the user puts in place of the socket before it is theirs', async () => {
    const own = scratch.file('own')
    mkdirSync(own)
    chownSync(own, 65534, 65534)
    const precious = scratch.file('roots')
    writeFileSync(precious, 'precious\n')
    const service = new TestService(scratch, {})
    service.configure({ command: ['sleep', '1000'], user: 'nobody', listen: [`${own}/s`], ready: 'exec' })
    const watcher = watch(own, () => {
      if (existsSync(`${own}/t`) || !existsSync(`${own}/s`)) return
      renameSync(`${own}/s`, `${own}/t`)
      symlinkSync(precious, `${own}/s`)
    })
    // What a busy machine does by chance: the starter goes on half a second after it has bound the socket.
    const delayed = ['-o', '/dev/null', '-e', 'trace=bind', '-e', 'inject=bind:delay_exit=500000']
    const starter = spawn('strace', [...delayed, process.execPath, daemonize, service.conf, 'start'], {
      env: environment(),
      stdio: 'ignore',
    })
    expect(await new Promise((resolve) => starter.on('close', resolve))).toBe(0)
    watcher.close()
    expect(lstatSync(`${own}/s`).isSymbolicLink()).toBe(true)
    expect(statSync(precious).uid).toBe(0)
  })

  it('a folder for the pidfile that others may write', async () => {
    const folder = scratch.file('loose')
    mkdirSync(folder)
    chmodSync(folder, 0o777)
    const service = new TestService(scratch, {})
    service.configure({ command: ['sleep', '1'], pidfile: `${folder}/s.pid` })
    expect((await service.run('start')).status).toBe(4)
  })

  it.skipIf(!isRoot)('a folder for the pidfile below one of somebody else', async () => {
    const folder = scratch.file('elsewhere')
    mkdirSync(`${folder}/run`, { recursive: true })
    spawnSync('chown', ['nobody', folder])
    const service = new TestService(scratch, {})
    service.configure({ command: ['sleep', '1'], pidfile: `${folder}/run/s.pid` })
    const { status, stderr } = await service.run('start')
    expect(status).toBe(4)
    expect(stderr).toContain(`folder "${folder}" belongs to user 65534`)
  })
})

describe('what stays after the start', () => {
  it('is only the service, of whom nobody of ours is the parent', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    await service.run('start')
    const parent = () => {
      const stat = readFileSync(`/proc/${service.pid()}/stat`, 'latin1').split(' ')
      return readFileSync(`/proc/${stat[3]}/comm`, 'utf8').trim()
    }
    // The kernel closes what a process has open before it gives its children away.
    await until('nobody of ours is its parent', () => !/node|keeper/.test(parent()))
    expect(statSync(service.pidfile)).toMatchObject({ uid: process.getuid?.(), mode: 0o100644 })
    expect(statSync(service.state)).toMatchObject({ uid: process.getuid?.(), mode: 0o100644 })
  })

  it('start by a link under another name, or with the configuration by a link', async () => {
    const service = new TestService(scratch, { command: ['sleep', '1000'], ready: 'exec' })
    const link = `${service.folder}/link.json`
    symlinkSync(service.conf, link)
    const child = spawn(process.execPath, [daemonize, link, 'start'], { env: environment(), stdio: 'ignore' })
    expect(await new Promise((resolve) => child.on('close', resolve))).toBe(0)
    expect((await service.run('status')).status).toBe(0)
  })
})
