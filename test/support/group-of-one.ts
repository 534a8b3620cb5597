import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'

export interface Member {
  groupId: string
  memberId: string
  generationId: number
}

/** A member of a group of one, with its session open. */
export async function joinAlone(channel: Channel, groupId: string, sessionTimeoutMs: number): Promise<Member> {
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] })
  const request = {
    groupId,
    sessionTimeoutMs,
    rebalanceTimeoutMs: sessionTimeoutMs,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
  }
  const { memberId } = await channel.request(JoinGroup, 5, { ...request, memberId: '' })
  const { generationId } = await channel.request(JoinGroup, 5, { ...request, memberId })
  await channel.request(SyncGroup, 3, { groupId, memberId, generationId, assignments: [{ memberId, assignment: Buffer.alloc(0) }] })
  return { groupId, memberId, generationId }
}

/** What a heartbeat is answered. */
export async function beat(channel: Channel, member: Member): Promise<string> {
  return errorName((await channel.request(Heartbeat, 3, member)).errorCode)
}
