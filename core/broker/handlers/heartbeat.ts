import { errorCode } from '../../protocol/errors.ts'
import { Heartbeat } from '../../protocol/messages/heartbeat.ts'
import { handler } from '../handler.ts'

/** Heartbeat 0 to 4: a sign of life; REBALANCE_IN_PROGRESS tells the member to join again. v3 knows static members. */
export const heartbeat = handler({
  api: Heartbeat,
  minVersion: 0,
  maxVersion: 4,
  handle({ groupId, memberId, groupInstanceId: instanceId, generationId: generation }, { broker }) {
    return { errorCode: errorCode(broker.groups.heartbeat(groupId, { memberId, instanceId, generation })) }
  },
})
