// The command that starts the agent on the far side: looks for a Node that will do, and hands it the loader.
// Pure: no I/O.
import { quoteCommand, quoteWord } from '@plumbline/common/process/quote'
import type { AgentFile } from './agent-file.ts'
import type { AgentConfig } from './agent.ts'

/** Where Node may be besides on the search path; version managers keep it in the home directory. */
const usual = [
  '/usr/bin/node',
  '/usr/bin/nodejs',
  '/usr/local/bin/node',
  '/opt/*node*/bin/node',
  '/snap/node/current/bin/node',
  '"$HOME"/.nvm/versions/node/*/bin/node',
  '"$HOME"/.volta/tools/image/node/*/bin/node',
  '"$HOME"/.local/share/fnm/node-versions/*/installation/bin/node',
  '"$HOME"/.asdf/installs/nodejs/*/bin/node',
  '"$HOME"/.local/share/mise/installs/node/*/bin/node',
  '"$HOME"/n/bin/node',
]

export type Start = { file: AgentFile; config: AgentConfig; cache: boolean; node: string | undefined }

/**
 * Shell text. The loader's status 93, and those of a program that cannot be run, mean that the next one is to be tried;
 * none of them has read anything. The last line says that there is none. Variables that are for other programs of the
 * user's would change, or slow down, this one.
 */
export function formatStart({ file, config, cache, node }: Start): string {
  const candidates =
    node === undefined ? ['"$(command -v node)"', '"$(command -v nodejs)"', ...usual] : [quoteWord(node)]
  const loader = quoteCommand(['-e', file.loader, file.hash, String(file.bytes.length)])
  const directory = cache ? '"${XDG_CACHE_HOME:-$HOME/.cache}/plumbline"' : "''"
  return [
    'unset -v NODE_OPTIONS NODE_EXTRA_CA_CERTS',
    `if [ -z "$HOME" ]; then HOME=${quoteWord(config.place?.home ?? '/')}; export HOME; fi`,
    `for pl_node in ${candidates.join(' ')}; do`,
    '[ -x "$pl_node" ] && [ ! -d "$pl_node" ] || continue',
    `"$pl_node" ${loader} ${directory} ${quoteWord(JSON.stringify(config))}`,
    'pl_s=$?',
    'case $pl_s in 93 | 126 | 127) ;; *) exit $pl_s ;; esac',
    'done',
    `echo '{"type":"missing"}'`,
  ].join('\n')
}

/** Shell text that installs Node with the package manager there is; status 127 when there is none. */
export const installCommand = [
  'has() { command -v "$1" >/dev/null; }',
  'export DEBIAN_FRONTEND=noninteractive',
  'exec </dev/null >&2',
  'if has apt-get; then apt-get -qq update; apt-get -qq -y --no-install-recommends install nodejs',
  'elif has dnf; then dnf -q -y install nodejs',
  'elif has yum; then yum -q -y install nodejs',
  'elif has zypper; then zypper -q -n install nodejs',
  'elif has apk; then apk -q add nodejs',
  'elif has pacman; then pacman -S --noconfirm --needed nodejs',
  'elif has pkg; then pkg install -y node',
  'else exit 127; fi',
].join('\n')
