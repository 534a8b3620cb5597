export default {
  extensions: ['ts'],
  files: ['test/compat/**/*.test.ts'],
  timeout: '15m',
  concurrency: 1,
  // A process for each file: what a native add-on does wrong is then told with the file's name, and ends nothing else.
  workerThreads: false,
  environmentVariables: { MOLDAU_LOG_LEVEL: 'silent' },
  nodeArguments: ['--conditions=moldau-source'],
}
