import { messageOf } from '../../base/errors.ts'
import { GROUPS_TOPIC } from '../../coordinator/coordinator-log.ts'
import { KafkaError, errorCode } from '../../protocol/errors.ts'
import { WriteTxnMarkers } from '../../protocol/messages/write-txn-markers.ts'
import type { WriteTxnMarkersRequest } from '../../protocol/messages/write-txn-markers.ts'
import { endTxnMarker } from '../../record/control.ts'
import { handler } from '../handler.ts'
import { partitionOf } from '../lookup.ts'
import type { BrokerServices } from '../services.ts'

type Marker = WriteTxnMarkersRequest['markers'][number]

/**
 * WriteTxnMarkers 0 to 2: ends a transaction in partitions by hand. The coordinator of this broker writes its markers itself; this is for an
 * administrator who aborts a transaction that hangs (KIP-664). v2 names the version of the transaction.
 */
export const writeTxnMarkers = handler({
  api: WriteTxnMarkers,
  minVersion: 0,
  maxVersion: 2,
  async handle(request, { broker }) {
    const markers = await Promise.all(
      request.markers.map(async (marker) => ({
        producerId: marker.producerId,
        topics: await Promise.all(
          marker.topics.map(async ({ name, partitionIndexes }) => ({
            name,
            partitions: await Promise.all(
              partitionIndexes.map(async (partitionIndex) => ({
                partitionIndex,
                errorCode: await end(broker, marker, name, partitionIndex),
              })),
            ),
          })),
        ),
      })),
    )
    return { markers }
  },
})

/** Answers when the marker is as durable as the broker's setting has it. */
async function end(broker: BrokerServices, marker: Marker, topic: string, index: number): Promise<number> {
  try {
    const partition = partitionOf(broker, topic, '', index, false)
    const { producerId, producerEpoch, coordinatorEpoch, transactionResult: commit, transactionVersion } = marker
    const batch = endTxnMarker({ producerId, producerEpoch, coordinatorEpoch, commit, timestamp: broker.clock.now() })
    if (topic === GROUPS_TOPIC) broker.groups.endTransaction(index, producerId, commit, batch, transactionVersion)
    else partition.appendMarker(batch, transactionVersion)
    if (broker.config.get('durability') === 'disk') await partition.log.whenFlushed(partition.log.logEndOffset)
    return 0
  } catch (error) {
    const isKnown = error instanceof KafkaError
    if (!isKnown) broker.logger.error({ partition: `${topic}-${index}`, err: error }, `a marker could not be written: ${messageOf(error)}`)
    return errorCode(isKnown ? error.kafkaCode : 'KAFKA_STORAGE_ERROR')
  }
}
