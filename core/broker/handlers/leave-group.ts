import { errorCode } from '../../protocol/errors.ts'
import { LeaveGroup } from '../../protocol/messages/leave-group.ts'
import { handler } from '../handler.ts'

/** LeaveGroup 0 to 5: one member, from v3 on several, each with its error; a static one may be named by its instance id alone (KIP-345). */
export const leaveGroup = handler({
  api: LeaveGroup,
  minVersion: 0,
  maxVersion: 5,
  async handle(request, { broker, version }) {
    const members = version < 3 ? [{ memberId: request.memberId, groupInstanceId: null }] : request.members
    const leaving = members.map(({ memberId, groupInstanceId }) => ({ memberId, instanceId: groupInstanceId }))
    const errors = await broker.groups.leave(request.groupId, leaving)
    if (version < 3) return { errorCode: errorCode(errors[0]!) }
    return {
      errorCode: 0,
      members: members.map(({ memberId, groupInstanceId }, i) => ({ memberId, groupInstanceId, errorCode: errorCode(errors[i]!) })),
    }
  },
})
