import { Gate } from './gate.ts'

/** libuv's own default, and its bound. */
const THREADS = 4
export const THREADS_MAX = 1024

/** Threads that Node does its file, DNS and compression work in: `UV_THREADPOOL_SIZE`, which must be set before any of it begins. */
export function threadPoolSize(setting = process.env['UV_THREADPOOL_SIZE']): number {
  if (setting === undefined) return THREADS
  return Math.min(Math.max(1, Number.parseInt(setting, 10) || 0), THREADS_MAX)
}

/** Threads of the pool that may wait for the disk at a time. */
export function diskThreads(threads = threadPoolSize()): number {
  return Math.max(1, threads - Math.max(1, threads >>> 2))
}

/** Something that holds a thread of the pool as long as the disk likes. */
export interface DiskWork {
  /** What it is done to. */
  readonly path: string
}

let gate: Gate | undefined
/** As many as {@link diskThreads}. */
const underWay = new Set<DiskWork>()

/**
 * Runs what holds a thread of the pool for as long as the disk likes. A disk that hangs must not take all of them: reads, DNS and compression
 * would wait as well.
 */
export function diskWork<T>(path: string, work: () => Promise<T>): Promise<T> {
  return (gate ??= new Gate(diskThreads())).pass(async () => {
    const own: DiskWork = { path }
    underWay.add(own)
    try {
      return await work()
    } finally {
      underWay.delete(own)
    }
  })
}

/** What holds threads now, and how many stand in line for one. */
export function diskLoad(): { readonly underWay: readonly DiskWork[]; readonly waiting: number } {
  return { underWay: [...underWay], waiting: gate?.waiting ?? 0 }
}
