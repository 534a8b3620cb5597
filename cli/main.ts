import { enableCompileCache } from 'node:module'
import { endWithReader, fail } from './output.ts'
import { program } from './program.ts'

// What the commands load is compiled once and not at each start: `moldau topics` takes half the time.
enableCompileCache()
endWithReader()
try {
  await program().parseAsync()
} catch (error) {
  fail(error)
}
