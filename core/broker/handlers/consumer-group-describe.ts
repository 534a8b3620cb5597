import { errorCode } from '../../protocol/errors.ts'
import { ConsumerGroupDescribe } from '../../protocol/messages/consumer-group-describe.ts'
import type { ConsumerGroupDescribeResponse } from '../../protocol/messages/consumer-group-describe.ts'
import type { Input } from '../../protocol/schema.ts'
import { nameOf, NOT_ASKED } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import { groupOperations } from '../operations.ts'
import type { BrokerServices } from '../services.ts'

type GroupAnswer = Input<typeof ConsumerGroupDescribeResponse>['groups'][number]

const memberTypes = { classic: 0, consumer: 1 } as const

/** ConsumerGroupDescribe 0 to 1 (KIP-848): groups of the new protocol; v1 tells which members speak the classic one (KIP-1099). */
export const consumerGroupDescribe = handler({
  api: ConsumerGroupDescribe,
  minVersion: 0,
  maxVersion: 1,
  readsAtOnce: true,
  handle(request, { broker }) {
    const authorizedOperations = request.includeAuthorizedOperations ? groupOperations : NOT_ASKED
    return { throttleTimeMs: 0, groups: request.groupIds.map((groupId) => ({ ...describe(broker, groupId), authorizedOperations })) }
  },
})

function describe(broker: BrokerServices, groupId: string): GroupAnswer {
  const nothing = { groupId, groupState: '', groupEpoch: 0, assignmentEpoch: 0, assignorName: '', members: [] }
  try {
    const group = groupId === '' ? undefined : broker.groups.describeConsumerGroup(groupId)
    if (groupId === '') return { ...nothing, errorCode: errorCode('INVALID_GROUP_ID') }
    if (group === undefined) {
      const exists = broker.groups.kindOf(groupId) !== undefined
      const errorMessage = exists ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`
      return { ...nothing, errorCode: errorCode('GROUP_ID_NOT_FOUND'), errorMessage }
    }
    return {
      errorCode: 0,
      groupId,
      groupState: group.state,
      groupEpoch: group.epoch,
      assignmentEpoch: group.assignmentEpoch,
      assignorName: group.assignor,
      members: group.members.map(({ topicNames, topicRegex, assigned, target, speaksClassic, epoch, ...member }) => ({
        ...member,
        memberEpoch: epoch,
        subscribedTopicNames: topicNames,
        subscribedTopicRegex: topicRegex,
        assignment: { topicPartitions: assigned },
        targetAssignment: { topicPartitions: target },
        memberType: speaksClassic ? memberTypes.classic : memberTypes.consumer,
      })),
    }
  } catch (error) {
    return { ...nothing, errorCode: errorCode(nameOf(error)) }
  }
}
