import type { BenchRow } from '../row.ts'
import type { Contender, Settings } from './servers.ts'

/** What the rows of a group have in common: the brokers, and how often each is measured. */
export interface Bench {
  readonly rounds: number
  /** Ours first, then Kafka unless there is none, started once for all groups. Both answer after the write, as Kafka does by default. */
  pair(): Promise<readonly Contender[]>
  /** A broker of one's own, not started yet. */
  moldau(settings: Settings): Promise<Contender>
  /** The same; undefined where there is no java. */
  kafka(settings: Settings): Promise<Contender | undefined>
}

export type Group = (bench: Bench) => Promise<BenchRow[]>
