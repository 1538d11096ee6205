// What has to go with a program wherever it goes: its own licence, and those of what is bundled into it, which the
// bundler leaves out.
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Writes LICENSE and LICENSES.bundled to `folder`; `inputs` are the paths of the files in the bundles. */
export function writeLicenses(folder, inputs) {
  const roots = inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0])
  const texts = [...new Set(roots)].filter(Boolean).map(readLicense)
  writeFileSync(`${folder}/LICENSES.bundled`, texts.sort().join('\n'))
  copyFileSync(fileURLToPath(new URL('../LICENSE', import.meta.url)), `${folder}/LICENSE`)
}

function readLicense(root) {
  const { name, version, license = 'see the text' } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  const file = readdirSync(root).find((each) => /^licen[cs]e/i.test(each))
  const text = file ? readFileSync(`${root}/${file}`, 'utf8').trim() : ''
  return `${name} ${version}: ${license}\n\n${text}\n`
}
