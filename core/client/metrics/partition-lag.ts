import { Sensor } from '../../base/sensor.ts'
import type { PartitionState } from '../partition-state.ts'
import type { Isolation } from '../types.ts'
import { gauge } from './metric.ts'

export interface Lag {
  /** Records between the position and the end that this consumer sees; undefined before the first fetch. */
  readonly lag: number | undefined
  /** Records between the beginning of the log and the position. */
  readonly lead: number | undefined
}

/** How far a partition was behind lately. */
export class PartitionLag {
  readonly lag: Sensor
  /** Negative, so that the largest is the smallest lead. */
  readonly lead: Sensor

  constructor(now: number) {
    this.lag = new Sensor(now)
    this.lead = new Sensor(now)
  }

  /** How far it is behind now. */
  static of(state: PartitionState, isolation: Isolation): Lag {
    const { position, highWatermark, lastStableOffset, logStartOffset } = state
    const end = isolation === 'read_committed' ? lastStableOffset : highWatermark
    return {
      lag: position === undefined || end < 0 ? undefined : Math.max(0, end - position),
      lead: position === undefined || logStartOffset < 0 ? undefined : Math.max(0, position - logStartOffset),
    }
  }

  record(lag: number | undefined, lead: number | undefined, now: number): void {
    if (lag !== undefined) this.lag.record(lag, now)
    if (lead !== undefined) this.lead.record(-lead, now)
  }
}

interface Source extends Lag {
  readonly lately: PartitionLag
}

export const partitionTable = {
  'records-lag': gauge('records that the partition is behind by', (s: Source) => s.lag ?? NaN),
  'records-lag-avg': gauge('records that the partition was behind by, on average', (s: Source, now) => s.lately.lag.average(now)),
  'records-lag-max': gauge('most records that the partition was behind by', (s: Source, now) => s.lately.lag.max(now)),
  'records-lead': gauge('records between the beginning of the partition and the position', (s: Source) => s.lead ?? NaN),
  'records-lead-avg': gauge('records between beginning and position, on average', (s: Source, now) => -s.lately.lead.average(now)),
  'records-lead-min': gauge('fewest records between beginning and position', (s: Source, now) => -s.lately.lead.max(now)),
}
export type PartitionMetricName = keyof typeof partitionTable
