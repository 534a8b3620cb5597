/** One line of the table that `npm run bench` prints and compares with the last one. */
export interface BenchRow {
  row: string
  /** What the numbers count, per what: 'CPU-s per M records'. */
  unit: string
  /** The median over the rounds. */
  ours: number
  /** The same work done by what people use otherwise, measured in the same rounds; null where there is none. */
  peer: number | null
  /** `ours / peer`. */
  ratio: number | null
  /** What we want to reach, or null. */
  target: number | null
  better: 'lower' | 'higher'
}

/** The middle one of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
