import { defineConfig } from 'vitest/config'

const needsRoot = /^\/\/ @needs-root: (.+)$/m

/**
 * A test file that says so is a single skipped test for whoever is not root: what it sets up before its tests, such as
 * users and an sshd, would fail or wait in vain.
 */
const skipsWithoutRoot = {
  name: 'skips-without-root',
  enforce: 'pre' as const,
  transform(code: string, id: string) {
    const [, reason] = (id.endsWith('.test.ts') && needsRoot.exec(code)) || []
    if (reason === undefined || process.getuid?.() === 0) return undefined
    return `import { it } from 'vitest'\nit.skip(${JSON.stringify(`needs root: ${reason}`)}, () => undefined)\n`
  },
}

const project = (name: string, include: string, timeout: number) => ({
  plugins: [skipsWithoutRoot],
  test: {
    name,
    include: [include],
    testTimeout: timeout,
    hookTimeout: timeout,
    sequence: { concurrent: false },
  },
})

export default defineConfig({
  test: {
    env: { NODE_EXTRA_CA_CERTS: '', LC_ALL: 'C.UTF-8', TZ: 'UTC' },
    projects: [
      ...['common', 'connect', 'propapply', 'daemonize', 'store-daemon', 'store-cli'].map((name) =>
        project(name, `packages/${name}/src/**/*.test.ts`, 30_000),
      ),
      project('programs', 'test/*.test.ts', 60_000),
    ],
  },
})
