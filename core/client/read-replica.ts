import type { ClusterImage } from '../cluster/metadata.ts'

/** A follower to read from, because the leader said that it is nearer (KIP-392). */
export interface ReadReplica {
  readonly node: number
  /** Monotonic milliseconds: then the leader is asked again. */
  readonly until: number
}

/** For so long a follower that could not be read from is left alone: in that time it catches up, or is no replica in sync any more (Kafka's `replica.lag.time.max.ms`). */
export const AVOIDED_MS = 30_000

/** The follower while it is to be read from, else the leader. */
export function readFrom(leader: number, replica: ReadReplica | undefined, image: ClusterImage, now: number): number {
  return replica !== undefined && replica.until > now && image.brokers.has(replica.node) ? replica.node : leader
}
