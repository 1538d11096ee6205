// W100: fifteen directories, sixty files, ten lines, ten commands and five links, in three languages: a site of
// propapply, a script by hand, a playbook of Ansible.
const range = (count) => Array.from({ length: count }, (_, index) => index)
const body = (index) => `# file ${index}\nkey = 'value $${index}'\n${'more text\n'.repeat(index)}`

export const site = (root) =>
  [
    ...range(15).map((i) => ({
      property: 'file.directory-exists',
      path: `${root}/d${i}`,
      mode: '0750',
      owner: 'daemon',
      group: 'daemon',
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
    .map((each) => `${JSON.stringify(each)}\n`)
    .join('')

/** As idempotent as it is usually written: it sets what it could have compared. */
export const script = (root) =>
  [
    'set -e; umask 022',
    ...range(15).map(
      (i) => `mkdir -p ${root}/d${i}; chmod 750 ${root}/d${i}; chown daemon:daemon ${root}/d${i}`,
    ),
    ...range(60).map((i) => {
      const path = `${root}/d${i % 15}/f${i}`
      return `cat >${path} <<'EOT'\n${body(i)}EOT\n${i % 2 === 0 ? `chmod 640 ${path}` : ''}`
    }),
    ...range(10).map((i) => `grep -qsxF 'line ${i}' ${root}/d0/lines || echo 'line ${i}' >>${root}/d0/lines`),
    ...range(10).map((i) => `[ -e ${root}/d1/made${i} ] || echo ${i} >${root}/d1/made${i}`),
    ...range(5).map((i) => `ln -sfn ../d3/f${i} ${root}/d2/l${i}`),
    '',
  ].join('\n')

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
          file: { path: `${root}/d2/l${i}`, src: `../d3/f${i}`, state: 'link' },
        })),
      ],
    },
  ])
