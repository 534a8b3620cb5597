export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts', '!test/compat/**', '!test/soak/**'],
  timeout: '60s',
  environmentVariables: { MOLDAU_LOG_LEVEL: 'silent' },
  nodeArguments: ['--conditions=moldau-source'],
}
