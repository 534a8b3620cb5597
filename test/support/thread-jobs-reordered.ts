/** The same pipelines as in thread-jobs.ts, declared in another order and under other names. */
import { copies, counts } from './thread-jobs.ts'

export const jobs = [copies, counts]
