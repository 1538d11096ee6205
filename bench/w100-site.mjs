// W100: fifteen directories with mode and owner, sixty files, ten lines, ten commands with creates and five links, in
// three languages: a site of propapply, a script by hand, a playbook of Ansible. For the tests as well.
import { execFileSync } from 'node:child_process'

const range = (count) => Array.from({ length: count }, (_, index) => index)
const body = (index) => `# file ${index}\nkey = 'value $${index}'\n${'more text\n'.repeat(index)}`

/** Its records. `owner` of the directories: nobody in particular when it is empty. */
export const site = (root, owner = { owner: 'daemon', group: 'daemon' }) => [
  ...range(15).map((i) => ({
    property: 'file.directory-exists',
    path: `${root}/d${i}`,
    mode: '0750',
    ...owner,
  })),
  ...range(60).map((i) => ({
    property: 'file.has-content',
    path: `${root}/d${i % 15}/f${i}`,
    content: body(i),
    ...(i % 2 === 0 && { mode: '0640' }),
  })),
  ...range(10).map((i) => ({
    property: 'file.contains-lines',
    path: `${root}/d0/lines`,
    lines: [`line ${i}`],
  })),
  ...range(10).map((i) => ({
    property: 'cmd.single',
    command: `echo ${i} >${root}/d1/made${i}`,
    creates: `${root}/d1/made${i}`,
  })),
  ...range(5).map((i) => ({
    property: 'file.symlinked',
    path: `${root}/d2/l${i}`,
    target: `../d3/f${i}`,
  })),
]

/** As idempotent as it is usually written: it sets what it could have compared. */
export const script = (root, { owner, group } = { owner: 'daemon', group: 'daemon' }) =>
  [
    'set -e; umask 022',
    ...range(15).map((i) => {
      const own = owner === undefined ? '' : `; chown ${owner}:${group} ${root}/d${i}`
      return `mkdir -p ${root}/d${i}; chmod 750 ${root}/d${i}${own}`
    }),
    ...range(60).map((i) => {
      const path = `${root}/d${i % 15}/f${i}`
      return `cat >${path} <<'EOT'\n${body(i)}EOT\n${i % 2 === 0 ? `chmod 640 ${path}` : ''}`
    }),
    ...range(10).map((i) => `grep -qsxF 'line ${i}' ${root}/d0/lines || echo 'line ${i}' >>${root}/d0/lines`),
    ...range(10).map((i) => `[ -e ${root}/d1/made${i} ] || echo ${i} >${root}/d1/made${i}`),
    ...range(5).map((i) => `ln -sfn ../d3/f${i} ${root}/d2/l${i}`),
    '',
  ].join('\n')

/** Names, types, modes, owners, link targets and contents. */
export const snapshot = (root) => {
  const text = 'find . -printf "%P %y %m %u %g %l\\n" | sort; find . -type f -exec sha256sum {} + | sort'
  return execFileSync('sh', ['-c', text], { cwd: root }).toString()
}

/** JSON is YAML. */
export const playbook = (root, host) =>
  JSON.stringify([
    {
      hosts: host,
      become: true,
      gather_facts: false,
      tasks: [
        ...range(15).map((i) => ({
          file: { path: `${root}/d${i}`, state: 'directory', mode: '0750', owner: 'daemon', group: 'daemon' },
        })),
        ...range(60).map((i) => ({
          copy: {
            dest: `${root}/d${i % 15}/f${i}`,
            content: body(i),
            ...(i % 2 === 0 && { mode: '0640' }),
          },
        })),
        ...range(10).map((i) => ({
          lineinfile: { path: `${root}/d0/lines`, line: `line ${i}`, create: true },
        })),
        ...range(10).map((i) => ({
          shell: { cmd: `echo ${i} >${root}/d1/made${i}`, creates: `${root}/d1/made${i}` },
        })),
        ...range(5).map((i) => ({
          // What they lead to need not be there.
          file: { path: `${root}/d2/l${i}`, src: `../d3/f${i}`, state: 'link', force: true },
        })),
      ],
    },
  ])
