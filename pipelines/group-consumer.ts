import type { Assignor } from '../core/client/assignors/assignor.ts'
import type { Consumer } from '../core/client/consumer.ts'
import { groupId } from './names.ts'
import type { Settings } from './options.ts'

/** What may lie fetched and not yet polled, in bytes. */
const PREFETCH_BYTES = 4 * 1024 * 1024

/** The consumer of a worker: a static member of the pipeline's group, which keeps its place over a restart. */
export function groupConsumer(settings: Settings, pipeline: string, assignor: Assignor, pollRecordsMax: number): Consumer {
  return settings.client.consumer({
    groupId: groupId(settings, pipeline),
    groupInstanceId: `${pipeline}-${settings.instanceId}`,
    isolationLevel: 'read_committed',
    // The worker seeks in what it is given; a position that cannot be read on from is its matter too (lost-input.ts).
    autoOffsetReset: 'none',
    partitionAssignmentStrategy: [assignor],
    sessionTimeoutMs: settings.sessionTimeoutMs,
    heartbeatIntervalMs: Math.min(3000, Math.floor(settings.sessionTimeoutMs / 3)),
    maxPollRecords: pollRecordsMax,
    prefetchBytes: PREFETCH_BYTES,
    fetchMaxBytes: PREFETCH_BYTES,
  })
}
