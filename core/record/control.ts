import { BatchBuilder } from './builder.ts'
import type { RecordColumns } from './columns.ts'

/** Control records end a transaction in a partition: they take an offset, and consumers never see them (KIP-98). */

const ABORT = 0
const COMMIT = 1
const KEY_BYTES = 4
const VALUE_BYTES = 6

export interface EndTxnMarkerFields {
  producerId: number
  producerEpoch: number
  /** Epoch of the leader of the transaction log's partition that decided: an older coordinator is fenced. */
  coordinatorEpoch: number
  commit: boolean
  /** Milliseconds since 1970. */
  timestamp: number
}

/** A control batch with the one marker that commits or aborts a producer's transaction; base offset 0. */
export function endTxnMarker(marker: EndTxnMarkerFields): Buffer {
  const key = Buffer.alloc(KEY_BYTES)
  key.writeInt16BE(marker.commit ? COMMIT : ABORT, 2)
  const value = Buffer.alloc(VALUE_BYTES)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  const builder = new BatchBuilder({ sizeHint: 128 })
  builder.append(marker.timestamp, key, value)
  return builder.build({ producerId: marker.producerId, producerEpoch: marker.producerEpoch, transactional: true, control: true })
}

/** What the first record of a control batch says; `other` for kinds that only Kafka's own quorum writes, or for none at all. */
export function readControl(columns: RecordColumns): 'commit' | 'abort' | 'other' {
  const key = columns.count === 0 ? null : columns.key(0)
  if (key === null || key.length < KEY_BYTES || key.readInt16BE(0) < 0) return 'other'
  const type = key.readInt16BE(2)
  return type === COMMIT ? 'commit' : type === ABORT ? 'abort' : 'other'
}

/** The epoch of the coordinator that wrote an end marker; -1 when the marker does not carry one. */
export function readCoordinatorEpoch(columns: RecordColumns): number {
  const value = columns.count === 0 ? null : columns.value(0)
  return value === null || value.length < VALUE_BYTES ? -1 : value.readInt32BE(2)
}
