import { ListGroups } from '../../protocol/messages/list-groups.ts'
import { handler } from '../handler.ts'

/** ListGroups 0 to 5: v4 filters by state (KIP-518), v5 by type (KIP-848), both without regard to case. */
export const listGroups = handler({
  api: ListGroups,
  minVersion: 0,
  maxVersion: 5,
  handle(request, { broker }) {
    const states = new Set(request.statesFilter.map((state) => state.toLowerCase()))
    const types = new Set(request.typesFilter.map((type) => type.toLowerCase()))
    const listed = broker.groups
      .list()
      .filter(({ state, type }) => (states.size === 0 || states.has(state.toLowerCase())) && (types.size === 0 || types.has(type)))
    return {
      errorCode: 0,
      groups: listed.map(({ groupId, protocolType, state, type }) => ({ groupId, protocolType, groupState: state, groupType: type })),
    }
  },
})
