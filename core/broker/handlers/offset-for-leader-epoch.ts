import { KafkaError, errorCode } from '../../protocol/errors.ts'
import { OffsetForLeaderEpoch } from '../../protocol/messages/offset-for-leader-epoch.ts'
import { handler } from '../handler.ts'
import { partitionOf } from '../lookup.ts'

/** OffsetForLeaderEpoch 0 to 4 (KIP-101, KIP-320): where a leader's time ended, so that a client can tell whether its position was cut away. */
export const offsetForLeaderEpoch = handler({
  api: OffsetForLeaderEpoch,
  minVersion: 0,
  maxVersion: 4,
  handle(request, { broker }) {
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((wanted) => {
          try {
            const found = partitionOf(broker, topic, '', wanted.partition, false)
            found.checkLeaderEpoch(wanted.currentLeaderEpoch)
            // The epoch of now begins with its leader, not with its first record.
            const isNow = wanted.leaderEpoch === found.leaderEpoch && found.log.latestEpoch <= found.leaderEpoch
            const end = isNow
              ? { leaderEpoch: found.leaderEpoch, endOffset: found.log.logEndOffset }
              : found.log.endOffsetForEpoch(wanted.leaderEpoch)
            return { errorCode: 0, partition: wanted.partition, ...end }
          } catch (error) {
            const code = error instanceof KafkaError ? error.kafkaCode : 'UNKNOWN_SERVER_ERROR'
            return { errorCode: errorCode(code), partition: wanted.partition }
          }
        }),
      })),
    }
  },
})
