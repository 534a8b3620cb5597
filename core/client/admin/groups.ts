import { DeleteGroups } from '../../protocol/messages/delete-groups.ts'
import { ListGroups } from '../../protocol/messages/list-groups.ts'
import type { AdminOptions } from './calls.ts'
import { wordOf } from './codes.ts'
import { ConfigAdmin } from './configs.ts'
import { describeAnyGroups, describeClassicGroups } from './describe-groups.ts'
import { groupStates, groupTypes } from './group-types.ts'
import type { ClassicGroupDescription, DescribeGroupsOptions, GroupDescription, ListedGroup, ListGroupsOptions } from './group-types.ts'
import * as specs from './specs.ts'

/** The versions of ListGroups that tell states (KIP-518) and types (KIP-848), and leave out by them. */
const STATES_SINCE = 4
const TYPES_SINCE = 5

/** Groups of consumers and other groups. */
export class GroupAdmin extends ConfigAdmin {
  /**
   * The groups of the cluster (Kafka's `Admin.listGroups`). Every broker is asked for those that it coordinates.
   *
   * @throws AdminError by node id, of brokers that could not be asked
   */
  async listGroups(options: ListGroupsOptions = {}): Promise<ListedGroup[]> {
    const { states = [], types = [], protocolTypes, timeoutMs } = options
    const groups = await this.calls.everyBroker('groups', { timeoutMs }, async (connection) => {
      const version = connection.version(ListGroups)
      const { errorCode, groups: found } = await connection.request(ListGroups, {
        // An older broker is asked for all, or refuses to answer less than it can tell.
        ...((version >= STATES_SINCE || states.length > 0) && { statesFilter: [...states] }),
        ...((version >= TYPES_SINCE || types.length > 0) && { typesFilter: [...types] }),
      })
      const value = found.map(({ groupId, protocolType, groupState, groupType }) => {
        return { groupId, protocolType, state: wordOf(groupStates, groupState), type: wordOf(groupTypes, groupType.toLowerCase()) }
      })
      return { errorCode, value }
    })
    return protocolTypes === undefined ? groups : groups.filter(({ protocolType }) => protocolTypes.includes(protocolType))
  }

  /**
   * Groups of consumers of either protocol, with members and what they are assigned (Kafka's `Admin.describeConsumerGroups`).
   *
   * @throws AdminError by group: GROUP_ID_NOT_FOUND (also where an old broker would call it `Dead`), GROUP_AUTHORIZATION_FAILED
   */
  describeConsumerGroups(groupIds: readonly string[], options: DescribeGroupsOptions = {}): Promise<GroupDescription[]> {
    return this.calls.onCoordinators<string, GroupDescription>('group', String, {
      what: 'describe group',
      items: groupIds,
      each: specs.text,
      nameOf: String,
      timeoutMs: options.timeoutMs,
      ask: (connection, asked) => describeAnyGroups(connection, asked, options.includeAuthorizedOperations === true),
    })
  }

  /**
   * Groups of the classic protocol, whatever their members are, with what these say as bytes (Kafka's `Admin.describeClassicGroups`, KIP-1043).
   *
   * @throws AdminError by group: GROUP_ID_NOT_FOUND, also of a group of the new protocol
   */
  describeClassicGroups(groupIds: readonly string[], options: DescribeGroupsOptions = {}): Promise<ClassicGroupDescription[]> {
    return this.calls.onCoordinators<string, ClassicGroupDescription>('group', String, {
      what: 'describe group',
      items: groupIds,
      each: specs.text,
      nameOf: String,
      timeoutMs: options.timeoutMs,
      ask: (connection, asked) => describeClassicGroups(connection, asked, options.includeAuthorizedOperations === true),
    })
  }

  /**
   * Deletes groups without members, and their offsets (Kafka's `Admin.deleteConsumerGroups`, KIP-229).
   *
   * @throws AdminError by group: NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND
   */
  async deleteConsumerGroups(groupIds: readonly string[], options: AdminOptions = {}): Promise<void> {
    await this.calls.onCoordinators<string, void>('group', String, {
      what: 'delete group',
      items: groupIds,
      each: specs.text,
      nameOf: String,
      ...options,
      ask: async (connection, asked) => {
        const { results } = await connection.request(DeleteGroups, { groupsNames: [...asked] })
        return results.map(({ groupId, errorCode }) => ({ name: groupId, errorCode }))
      },
    })
  }
}
