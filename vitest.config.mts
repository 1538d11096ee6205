import { defineConfig } from 'vitest/config'

const project = (name: string, include: string, timeout: number) => ({
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
