/** A module that runs itself in threads, which cannot be: each thread would do so again. */
import { run } from '../../pipelines/index.ts'

export { counts } from './thread-jobs.ts'

export const job = await run(import.meta.url, { bootstrap: '127.0.0.1:1', threads: 1 })
