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
  /** What the target is for; `ours` when it is not said. */
  targetOf?: 'ours' | 'ratio'
  better: 'lower' | 'higher'
  /** Smallest and largest of the rounds. */
  oursRange?: Range
  peerRange?: Range
}

export type Range = readonly [number, number]

/** The middle one of the values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export function range(values: readonly number[]): Range {
  return [Math.min(...values), Math.max(...values)]
}

/** Whether a row reaches its target; undefined where it has none, or nothing to compare with. */
export function met({ ours, ratio, target, targetOf = 'ours', better }: BenchRow): boolean | undefined {
  const value = targetOf === 'ratio' ? ratio : ours
  if (target === null || value === null || Number.isNaN(value)) return undefined
  return better === 'lower' ? value <= target : value >= target
}
