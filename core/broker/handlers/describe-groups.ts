import { errorCode } from '../../protocol/errors.ts'
import { DescribeGroups } from '../../protocol/messages/describe-groups.ts'
import type { DescribeGroupsResponse } from '../../protocol/messages/describe-groups.ts'
import type { Input } from '../../protocol/schema.ts'
import { nameOf, NOT_ASKED } from '../coordinator-answers.ts'
import { handler } from '../handler.ts'
import { groupOperations } from '../operations.ts'
import type { BrokerServices } from '../services.ts'

type GroupAnswer = Input<typeof DescribeGroupsResponse>['groups'][number]

/** DescribeGroups 0 to 6: members, their metadata and assignments. A group that does not exist, or is of the new protocol, is Dead, from v6 on an error (KIP-1043). */
export const describeGroups = handler({
  api: DescribeGroups,
  minVersion: 0,
  maxVersion: 6,
  handle(request, { broker, version }) {
    const authorizedOperations = request.includeAuthorizedOperations ? groupOperations : NOT_ASKED
    return {
      groups: request.groups.map((groupId) => ({
        ...describe(broker, groupId, version),
        authorizedOperations: version >= 3 ? authorizedOperations : NOT_ASKED,
      })),
    }
  },
})

function describe(broker: BrokerServices, groupId: string, version: number): GroupAnswer {
  const nothing = { groupId, groupState: '', protocolType: '', protocolData: '', members: [] }
  try {
    const group = broker.groups.describe(groupId)
    if (group === undefined) {
      if (version < 6) return { ...nothing, groupState: 'Dead', errorCode: 0 }
      const exists = broker.groups.kindOf(groupId) !== undefined
      const errorMessage = exists ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`
      return { ...nothing, groupState: 'Dead', errorCode: errorCode('GROUP_ID_NOT_FOUND'), errorMessage }
    }
    const members = group.members.map(({ memberId, instanceId, clientId, clientHost, metadata, assignment }) => ({
      memberId,
      groupInstanceId: version >= 4 ? instanceId : null,
      clientId,
      clientHost,
      memberMetadata: metadata,
      memberAssignment: assignment,
    }))
    return { errorCode: 0, groupId, groupState: group.state, protocolType: group.protocolType, protocolData: group.protocolName, members }
  } catch (error) {
    return { ...nothing, errorCode: errorCode(nameOf(error)) }
  }
}
