import { errorCode } from '../../protocol/errors.ts'
import { OffsetDelete } from '../../protocol/messages/offset-delete.ts'
import { handler } from '../handler.ts'

/** OffsetDelete 0: forgets offsets of topics that no member of the group is subscribed to (KIP-496). */
export const offsetDelete = handler({
  api: OffsetDelete,
  minVersion: 0,
  maxVersion: 0,
  async handle({ groupId, topics }, { broker }) {
    const which = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
    )
    const errors = (await broker.groups.deleteOffsets(groupId, which)).values()
    return {
      errorCode: 0,
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorCode(errors.next().value ?? 'NONE') })),
      })),
    }
  },
})
