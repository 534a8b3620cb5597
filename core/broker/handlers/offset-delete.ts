import { errorCode, type KafkaErrorName } from '../../protocol/errors.ts'
import { OffsetDelete } from '../../protocol/messages/offset-delete.ts'
import { handler } from '../handler.ts'

/** OffsetDelete 0: forgets offsets of topics that no member of the group is subscribed to (KIP-496). */
export const offsetDelete = handler({
  api: OffsetDelete,
  minVersion: 0,
  maxVersion: 0,
  async handle({ groupId, topics }, { broker }) {
    const existing = new Set(topics.map(({ name }) => name).filter((name) => broker.topics.get(name) !== undefined))
    const known = topics.filter(({ name }) => existing.has(name))
    const which = known.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
    )
    const errors = (await broker.groups.deleteOffsets(groupId, which)).values()
    const next = (name: string): KafkaErrorName => (existing.has(name) ? errors.next().value! : 'UNKNOWN_TOPIC_OR_PARTITION')
    return {
      errorCode: 0,
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(next(name)) })),
      })),
    }
  },
})
