// A hundred properties of a server over ssh and sudo, beside one script by hand sent with `ssh HOST sudo sh`, and
// Ansible when it is installed: at loopback and 50 ms away, where nothing is there yet and where all is.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDelay } from './delay.mjs'
import { compare, report } from './measure.mjs'
import { startSshd } from './sshd.mjs'
import { playbook, script, site } from './w100-site.mjs'

const has = (command) => spawnSync('/bin/sh', ['-c', `command -v ${command}`]).status === 0
if (process.getuid() !== 0 || !has('/usr/sbin/sshd') || !has('sudo')) {
  console.error('bench: w100 is left out: it needs root, sshd and sudo')
  process.exit(0)
}

const scratch = mkdtempSync(join(tmpdir(), 'plumbline-w100-'))
const file = (name) => join(scratch, name)
const bins = ['connect', 'propapply'].map((name) =>
  fileURLToPath(new URL(`../packages/${name}/bin`, import.meta.url)),
)
mkdirSync(file('bin'))
for (const [index, name] of ['connect', 'propapply'].entries()) {
  writeFileSync(
    file(`bin/${name}`),
    `#!/bin/sh\nexec ${process.execPath} ${bins[index]}/${name}.cjs "$@"\n`,
    {
      mode: 0o755,
    },
  )
}
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env
const env = {
  ...environment,
  PATH: `${file('bin')}:${environment.PATH}`,
  ANSIBLE_CONFIG: file('ansible.cfg'),
}

async function run(command) {
  const child = spawn('/bin/sh', ['-c', command], { cwd: scratch, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  child.stdout.on('data', (chunk) => (text += chunk))
  child.stderr.on('data', (chunk) => (text += chunk))
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`${command}: status ${status}\n${text.slice(-2000)}`)
  return text
}

const sshd = await startSshd(scratch)
const delay = await startDelay(sshd.port, 25)
sshd.addHost('near')
sshd.addHost('far', { Port: delay.port })
const withAnsible = process.env.BENCH_ANSIBLE !== 'no' && has('ansible-playbook')
const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
try {
  const root = file('tree')
  writeFileSync(
    file('site.ndjson'),
    site(root)
      .map((each) => `${JSON.stringify(each)}\n`)
      .join(''),
  )
  writeFileSync(file('script.sh'), script(root))
  writeFileSync(
    file('ansible.cfg'),
    `[defaults]\ninventory=${file('hosts')}\n[ssh_connection]\npipelining=True\nssh_args=-F ${file('ssh_config')} -o ControlMaster=auto -o ControlPersist=no\n`,
  )
  writeFileSync(file('hosts'), 'near\nfar\n')
  for (const [host, goal] of [
    ['near', 2],
    ['far', 1.25],
  ]) {
    writeFileSync(file(`${host}.yaml`), playbook(root, host))
    const commands = {
      script: `ssh -F ssh_config ${host} sudo sh <script.sh`,
      propapply: `connect ssh -F ssh_config ${host} | connect sudo | propapply site.ndjson`,
      ...(withAnsible && { ansible: `ansible-playbook ${host}.yaml` }),
    }
    for (const state of ['first', 'second']) {
      const actions = Object.entries(commands).map(([name, command]) => [
        name,
        async () => {
          if (state === 'first') rmSync(root, { recursive: true, force: true })
          mkdirSync(root, { recursive: true })
          const start = performance.now()
          const said = await run(command)
          const ms = performance.now() - start
          const expected = state === 'first' ? '"changed":100' : '"ok":100'
          if (name === 'propapply' && !said.includes(expected)) throw new Error(said.slice(-500))
          return ms
        },
      ])
      // Ansible takes a minute: once is enough to place it.
      const quick = await compare(actions.slice(0, 2), { rounds, warmUp: 1 })
      for (const row of quick)
        report(`w100 ${host} ${state}`, row, row.name === 'propapply' ? goal : undefined)
      if (!withAnsible) continue
      const [, slow] = await compare([actions[0], actions[2]], { rounds: 1, warmUp: 0 })
      report(`w100 ${host} ${state}`, slow)
    }
  }
} finally {
  delay.close()
  sshd.close()
  rmSync(scratch, { recursive: true, force: true })
}
