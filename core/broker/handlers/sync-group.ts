import { errorCode } from '../../protocol/errors.ts'
import { SyncGroup } from '../../protocol/messages/sync-group.ts'
import { handler } from '../handler.ts'

/** SyncGroup 0 to 5: the leader's assignment, made durable, then handed to everybody. v3 knows static members, v5 checks the protocol (KIP-559). */
export const syncGroup = handler({
  api: SyncGroup,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, { broker, version }) {
    if (version >= 5 && (request.protocolType === null || request.protocolName === null)) {
      return { errorCode: errorCode('INCONSISTENT_GROUP_PROTOCOL'), assignment: Buffer.alloc(0) }
    }
    const { groupId, memberId, groupInstanceId: instanceId, generationId: generation, protocolType, protocolName } = request
    // Copies: a slice would keep the whole request in memory as long as the member lives.
    const assignments = request.assignments.map((each) => ({ memberId: each.memberId, assignment: Buffer.from(each.assignment) }))
    const reply = await broker.groups.sync(groupId, { memberId, instanceId, generation, protocolType, protocolName, assignments })
    return {
      errorCode: errorCode(reply.error),
      protocolType: reply.protocolType,
      protocolName: reply.protocolName,
      assignment: reply.assignment,
    }
  },
})
