export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts', '!test/compat/**', '!test/soak/**'],
  timeout: '60s',
  nodeArguments: ['--conditions=moldau-source'],
}
