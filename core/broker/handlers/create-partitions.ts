import { KafkaError, detailOf, errorCode, kafkaError } from '../../protocol/errors.ts'
import { CreatePartitions } from '../../protocol/messages/create-partitions.ts'
import type { CreatePartitionsRequest, CreatePartitionsResponse } from '../../protocol/messages/create-partitions.ts'
import type { Input } from '../../protocol/schema.ts'
import { checkBrokers } from '../assignments.ts'
import { mutationsOf } from '../quotas/mutations.ts'
import { handler } from '../handler.ts'

type Wanted = CreatePartitionsRequest['topics'][number]
type TopicAnswer = Input<typeof CreatePartitionsResponse>['results'][number]

/** A quota that is used up refuses partitions from this version on (KIP-599). */
const STRICT_SINCE = 3

/** CreatePartitions 0 to 3: raises the number of partitions of topics. Keys move to other partitions: that is the caller's business. */
export const createPartitions = handler({
  api: CreatePartitions,
  minVersion: 0,
  maxVersion: 3,
  async handle(request, context) {
    const { broker } = context
    const mutations = mutationsOf(context, STRICT_SINCE)
    const grow = async ({ name, count, assignments }: Wanted): Promise<TopicAnswer> => {
      try {
        const added = count - broker.topics.checkGrowth(name, count).partitions
        if (assignments !== null) checkAssignments(broker.nodeId, assignments, added)
        mutations.take(added)
        if (!request.validateOnly) await broker.topics.grow(name, count)
        return { name, errorCode: 0 }
      } catch (error) {
        const code = error instanceof KafkaError ? error.kafkaCode : 'KAFKA_STORAGE_ERROR'
        return { name, errorCode: errorCode(code), errorMessage: detailOf(error) }
      }
    }
    const results = await Promise.all(request.topics.map(grow))
    return { throttleTimeMs: mutations.throttleTimeMs, results }
  },
})

function checkAssignments(nodeId: number, assignments: readonly { readonly brokerIds: readonly number[] }[], added: number): void {
  if (assignments.length !== added) {
    const wanted = `Attempted to add ${added} additional partition(s), but only ${assignments.length} assignment(s) were specified.`
    throw kafkaError('INVALID_REPLICA_ASSIGNMENT', wanted)
  }
  for (const { brokerIds } of assignments) checkBrokers(nodeId, brokerIds)
}
