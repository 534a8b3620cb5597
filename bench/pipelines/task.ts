/** What a job is asked to do; each engine is a process of its own that runs until it is killed. */
export interface JobTask {
  readonly job: JobName
  readonly bootstrap: string
  /** Names its group, its state and its topics. */
  readonly application: string
  readonly input: string
  readonly output: string
  /** Results are committed as soon as may be, and not every 100 ms. */
  readonly latency?: 'low'
}

/** `count`: how often each key has come, every update goes out. `window`: how often in each minute, when that is over. */
export type JobName = 'count' | 'window'

export const WINDOW_MS = 60_000
export const PARTITIONS = 6
const KEYS = 10_000
const VALUE_BYTES = 80
/** A multiple of the window. */
const FIRST_TIMESTAMP = 1_700_000_040_000
/** Of event time, so that each key comes thirty times in a window. */
const RECORDS_PER_MS = 5
/** Has no factor in common with the number of keys: they come in mixed order, each as often as the others. */
const KEY_STEP = 7919

const values = Array.from({ length: 1000 }, (_, i) =>
  Buffer.from(`{"at":${i},"text":"`.padEnd(VALUE_BYTES, (i * 2_654_435_761).toString(36))),
)
const keys = Array.from({ length: KEYS }, (_, i) => Buffer.from(`key-${String(i).padStart(5, '0')}`))

/** The i-th record of the input. */
export function recordOf(i: number): { key: Buffer; value: Buffer; timestamp: number } {
  return {
    key: keys[(i * KEY_STEP) % KEYS]!,
    value: values[i % values.length]!,
    timestamp: FIRST_TIMESTAMP + Math.floor(i / RECORDS_PER_MS),
  }
}

/** How often each key comes in each window of so many records, by `key@start`. */
export function expectedWindows(records: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i < records; i++) {
    const { key, timestamp } = recordOf(i)
    const id = `${key.toString('latin1')}@${timestamp - (timestamp % WINDOW_MS)}`
    counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}
