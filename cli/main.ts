import { enableCompileCache } from 'node:module'
import { endWithReader, fail } from './output.ts'
import { program } from './program.ts'

// Before anything is done in the pool: a sync holds one of its threads for as long as the disk takes, and waits without a core.
process.env['UV_THREADPOOL_SIZE'] ??= '16'
// A command tells of what goes wrong in words of its own.
process.env['MOLDAU_LOG_LEVEL'] ??= 'silent'
// What the commands load is compiled once and not at each start: `moldau topics` takes half the time.
enableCompileCache()
endWithReader()
try {
  await program().parseAsync()
} catch (error) {
  fail(error)
}
