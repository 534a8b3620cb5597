import { Gate } from './gate.ts'

/** libuv's own default, and its bound. */
const THREADS = 4
const THREADS_MAX = 1024

/** Threads that Node does its file, DNS and compression work in: `UV_THREADPOOL_SIZE`, which must be set before any of it begins. */
export function threadPoolSize(setting = process.env['UV_THREADPOOL_SIZE']): number {
  if (setting === undefined) return THREADS
  return Math.min(Math.max(1, Number.parseInt(setting, 10) || 0), THREADS_MAX)
}

/** Threads of the pool that may wait for the disk at a time. */
export function diskThreads(threads = threadPoolSize()): number {
  return Math.max(1, threads - Math.max(1, threads >>> 2))
}

let gate: Gate | undefined

/**
 * Runs what holds a thread of the pool for as long as the disk likes. A disk that hangs must not take all of them: reads, DNS and compression
 * would wait as well.
 */
export function diskWork<T>(work: () => Promise<T>): Promise<T> {
  return (gate ??= new Gate(diskThreads())).pass(work)
}
