/** Memory of a process after a collection of garbage, in bytes. */
export interface MemorySample {
  /** Since the start. Milliseconds. */
  readonly atMs: number
  readonly heapUsed: number
  readonly rss: number
  /** Outside of the heap, `arrayBuffers` included. */
  readonly external: number
  readonly arrayBuffers: number
}

type Measure = 'heapUsed' | 'external' | 'rss'

/** What each may grow in an hour, and what it may grow in any time, because it is never quite still. Bytes. */
const allowed: Readonly<Record<Measure, { perHour: number; always: number }>> = {
  heapUsed: { perHour: 2 << 20, always: 512 << 10 },
  external: { perHour: 2 << 20, always: 1 << 20 },
  rss: { perHour: 8 << 20, always: 8 << 20 },
}
/** A trend counts when it rises more than the samples scatter around it. */
const SCATTERS = 3
const HOUR_MS = 3_600_000

export interface Trend {
  readonly measure: Measure
  readonly bytesPerHour: number
  /** From the first to the last sample that was looked at, by the trend. Bytes. */
  readonly rise: number
  readonly isLeak: boolean
}

/**
 * Whether memory grows: over the second half of the samples, since caches fill and code is compiled in the first. The trend is the median of the
 * slopes between any two samples (Theil and Sen), which one odd sample does not move. It is a leak when its rise over that half is more than
 * what is allowed in that time, and more than three times the median distance of the samples from it.
 */
export function trendsOf(samples: readonly MemorySample[]): Trend[] {
  const half = samples.slice(Math.floor(samples.length / 2))
  const lengthMs = half.length < 2 ? 0 : half.at(-1)!.atMs - half[0]!.atMs
  return (Object.keys(allowed) as Measure[]).map((measure) => {
    const slopes = half.flatMap((a, i) => half.slice(i + 1).map((b) => (b[measure] - a[measure]) / (b.atMs - a.atMs)))
    const slope = median(slopes)
    const level = median(half.map((sample) => sample[measure] - slope * sample.atMs))
    const scatter = median(half.map((sample) => Math.abs(sample[measure] - slope * sample.atMs - level)))
    const { perHour, always } = allowed[measure]
    const rise = slope * lengthMs
    const isLeak = rise > Math.max(always, (perHour * lengthMs) / HOUR_MS) && rise > SCATTERS * scatter
    return { measure, bytesPerHour: slope * HOUR_MS, rise, isLeak }
  })
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length === 0 ? 0 : sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
