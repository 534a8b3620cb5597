import type { CleanedLog } from '../log/cleaner/cleaner.ts'
import type { DirectoryState } from '../log/directory-health.ts'

/** What happens in a broker that somebody may want to show. */
export interface BrokerEvents {
  topicCreated: { topic: string; partitions: number }
  topicDeleted: { topic: string }
  topicChanged: { topic: string; partitions: number }
  /** A partition was compacted. */
  logCleaned: CleanedLog
  groupChanged: { groupId: string }
  /** Somebody's quotas were set or taken away; `entities` is how many have some now. */
  quotasChanged: { entities: number }
  /** A transactional id has begun, ended or been fenced, got partitions, or expired. */
  transactionChanged: { transactionalId: string }
  /** The data directory has begun to refuse writes, or works again. */
  directoryChanged: { dir: string; directory: DirectoryState }
  /**
   * Records that were never synced could not be read back after the disk had failed: offsets from `from` to before `to` are given out again.
   * None of them was acknowledged with acks=all under `durability=disk`.
   */
  recordsLost: { topic: string; partition: number; from: number; to: number }
  /** A client has sent metrics that it was asked for (KIP-714): an OpenTelemetry `MetricsData` message, no longer compressed. */
  telemetry: { clientInstanceId: string; clientId: string; remote: string; terminating: boolean; metrics: Buffer }
  error: { message: string; cause: unknown }
  /** The broker begins to close: everything can still be looked at. */
  closing: { nodeId: number }
  /** Nothing happens any more. */
  closed: { nodeId: number }
}
