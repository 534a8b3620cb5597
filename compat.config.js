export default {
  extensions: ['ts'],
  files: ['test/compat/**/*.test.ts'],
  timeout: '15m',
  concurrency: 1,
  nodeArguments: ['--conditions=moldau-source'],
}
