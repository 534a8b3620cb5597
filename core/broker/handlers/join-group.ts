import { errorCode } from '../../protocol/errors.ts'
import { JoinGroup } from '../../protocol/messages/join-group.ts'
import { hostOf } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'

/**
 * JoinGroup 0 to 9: answered when the rebalance ends, or at once when nothing changes. v1 has a rebalance time-out of its own, v4 asks dynamic
 * members to come back with the id they are given (KIP-394), v5 knows static members (KIP-345), v9 skipAssignment (KIP-814).
 */
export const joinGroup = handler({
  api: JoinGroup,
  minVersion: 0,
  maxVersion: 9,
  async handle(request, { broker, version, clientId, remote }) {
    const reply = await broker.groups.join(request.groupId, {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      clientId: clientId ?? '',
      clientHost: hostOf(remote),
      protocolType: request.protocolType,
      // Copies: a slice would keep the whole request in memory as long as the member lives.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      requiresKnownMemberId: version >= 4 && request.groupInstanceId === null,
      supportsSkippingAssignment: version >= 9,
    })
    return {
      errorCode: errorCode(reply.error),
      generationId: reply.generation,
      protocolType: reply.protocolType,
      protocolName: version < 7 ? (reply.protocolName ?? '') : reply.protocolName,
      leader: reply.leader,
      skipAssignment: version >= 9 && reply.skipAssignment,
      memberId: reply.memberId,
      members: reply.members.map(({ memberId, instanceId, metadata }) => ({
        memberId,
        groupInstanceId: version >= 5 ? instanceId : null,
        metadata,
      })),
    }
  },
})
