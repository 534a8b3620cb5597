import { setsOf } from '../../coordinator/partitions.ts'
import { ConsumerGroupHeartbeat } from '../../protocol/messages/consumer-group-heartbeat.ts'
import { hostOf } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'

/** ConsumerGroupHeartbeat 0 to 1 (KIP-848): a member joins, lives, acknowledges and leaves. v1 has regular expressions and ids made by the client. */
export const consumerGroupHeartbeat = handler({
  api: ConsumerGroupHeartbeat,
  minVersion: 0,
  maxVersion: 1,
  readsAtOnce: true,
  async handle(request, { broker, version, clientId, remote, session }) {
    const { groupId, memberId, memberEpoch, instanceId, rackId, rebalanceTimeoutMs, serverAssignor } = request
    const heartbeat = {
      memberId,
      memberEpoch,
      instanceId,
      rackId,
      rebalanceTimeoutMs,
      serverAssignor,
      clientId: clientId ?? '',
      clientHost: hostOf(remote),
      topicNames: request.subscribedTopicNames,
      topicRegex: request.subscribedTopicRegex,
      owned: request.topicPartitions && setsOf(request.topicPartitions),
      mayDescribe: (topic: string) => session.allows('describe', 'topic', topic),
    }
    const { assignment, ...reply } = await broker.groups.consumerHeartbeat(groupId, heartbeat, version)
    return { throttleTimeMs: 0, errorCode: 0, ...reply, assignment: assignment && { topicPartitions: assignment } }
  },
})
