// Compiles the system call addon of packages/common once, and puts it beside the bundle of the package it is run in.
// The addon is Node-API, so one build serves every Node; the headers are those of the Node that runs this.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const common = fileURLToPath(new URL('../packages/common/', import.meta.url))
const [header, ...sources] = ['make-file.h', 'make-file.c', 'syscall.c'].map(
  (name) => `${common}src/syscall/${name}`,
)
const addon = `${common}dist/syscall.node`
const headers = [`${dirname(dirname(process.execPath))}/include/node`, '/usr/include/node'].find((folder) =>
  existsSync(`${folder}/node_api.h`),
)

const changed = (file) => statSync(file).mtimeMs
if (!existsSync(addon) || [header, ...sources].some((file) => changed(addon) < changed(file))) {
  if (!headers) throw new Error('node_api.h not found: the headers of Node are needed to build')
  mkdirSync(dirname(addon), { recursive: true })
  const made = `${addon}.${process.pid}`
  const flags = ['-O2', '-Wall', '-Wextra', '-Werror', '-fPIC', '-shared', '-I', headers]
  const { status, error } = spawnSync('cc', [...flags, '-o', made, ...sources], { stdio: 'inherit' })
  if (status !== 0) throw new Error(`cc: ${error?.message ?? `status ${status}`}`)
  renameSync(made, addon)
}
if (process.cwd() !== common.replace(/\/$/, '') && existsSync('dist'))
  copyFileSync(addon, 'dist/syscall.node')
