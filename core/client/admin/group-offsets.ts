import type { BrokerConnection } from '../../cluster/connection.ts'
import { byTopic, tpKey } from '../../cluster/topic-partition.ts'
import type { TopicPartition } from '../../cluster/topic-partition.ts'
import { LeaveGroup } from '../../protocol/messages/leave-group.ts'
import { OffsetCommit } from '../../protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../../protocol/messages/offset-delete.ts'
import { fetchOffsetsOfGroups, VERSION_WITH_NAMES_MAX } from '../offset-fetch.ts'
import { committedTopics } from '../offset-requests.ts'
import type { AdminOptions } from './calls.ts'
import type {
  GroupOffset,
  GroupOffsets,
  GroupOffsetsQuestion,
  ListGroupOffsetsOptions,
  MemberToRemove,
  NewGroupOffset,
  RemoveMembersOptions,
} from './group-types.ts'
import { check } from '../checks.ts'
import type { Check } from '../checks.ts'
import { GroupAdmin } from './groups.ts'
import * as specs from './specs.ts'

/** Where groups have got to, and who is in them. */
export class GroupOffsetAdmin extends GroupAdmin {
  /**
   * What groups have committed (Kafka's `Admin.listConsumerGroupOffsets`): of one group by its id, or of many at once (KIP-709).
   *
   * ```ts
   * const offsets = await admin.listConsumerGroupOffsets('archive')
   * const groups = await admin.listConsumerGroupOffsets([{ groupId: 'archive' }, { groupId: 'reports' }])
   * ```
   *
   * @throws AdminError by group: GROUP_AUTHORIZATION_FAILED ... A group that does not exist has no offsets
   */
  listConsumerGroupOffsets(groupId: string, options?: ListGroupOffsetsOptions): Promise<GroupOffset[]>
  listConsumerGroupOffsets(groups: readonly GroupOffsetsQuestion[], options?: ListGroupOffsetsOptions): Promise<GroupOffsets[]>
  async listConsumerGroupOffsets(
    groups: string | readonly GroupOffsetsQuestion[],
    options: ListGroupOffsetsOptions = {},
  ): Promise<GroupOffset[] | GroupOffsets[]> {
    const { timeoutMs, requireStable = true } = options
    const found = await this.calls.onCoordinators<GroupOffsetsQuestion, GroupOffsets>('group', ({ groupId }) => groupId, {
      what: 'offsets of group',
      items: typeof groups === 'string' ? [{ groupId: groups }] : groups,
      each: specs.groupOffsetsQuestion,
      nameOf: ({ groupId }) => groupId,
      timeoutMs,
      ask: (connection, asked) => fetchOffsetsOfGroups(connection, asked, requireStable),
    })
    return typeof groups === 'string' ? found[0]!.offsets : found
  }

  /**
   * Moves a group that has no members (Kafka's `Admin.alterConsumerGroupOffsets`, KIP-396); a group that does not exist is made.
   *
   * @throws AdminError by `topic-partition`: UNKNOWN_MEMBER_ID while the group has members, UNKNOWN_TOPIC_OR_PARTITION ...
   */
  async alterConsumerGroupOffsets(groupId: string, offsets: readonly NewGroupOffset[], options: AdminOptions = {}): Promise<void> {
    await this.#ofPartitions(
      `commit for group '${groupId}' the offset of`,
      groupId,
      offsets,
      specs.position,
      options,
      async (connection, asked) => {
        const body = { groupId, topics: committedTopics(asked) }
        return { topics: (await connection.request(OffsetCommit, body, { maxVersion: VERSION_WITH_NAMES_MAX })).topics }
      },
    )
  }

  /**
   * Makes a group forget offsets of topics that it does not read (Kafka's `Admin.deleteConsumerGroupOffsets`, KIP-496).
   *
   * @throws AdminError by `topic-partition`: GROUP_SUBSCRIBED_TO_TOPIC, GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP ...
   */
  async deleteConsumerGroupOffsets(groupId: string, partitions: readonly TopicPartition[], options: AdminOptions = {}): Promise<void> {
    await this.#ofPartitions(
      `delete for group '${groupId}' the offset of`,
      groupId,
      partitions,
      specs.topicPartition,
      options,
      (connection, asked) => {
        const topics = [...byTopic(asked)].map(([name, list]) => ({
          name,
          partitions: list.map((tp) => ({ partitionIndex: tp.partition })),
        }))
        return connection.request(OffsetDelete, { groupId, topics })
      },
    )
  }

  /**
   * Makes members leave a group of the classic protocol (Kafka's `Admin.removeMembersFromConsumerGroup`, KIP-345): those named, or all.
   *
   * @throws AdminError by `group.instance.id` or member id: UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
   */
  async removeMembersFromConsumerGroup(
    groupId: string,
    members: readonly MemberToRemove[] | 'all',
    options: RemoveMembersOptions = {},
  ): Promise<void> {
    check('admin.removeMembersFromConsumerGroup()', 'groupId', groupId, specs.text)
    const { reason = 'removed by an administrator', timeoutMs } = options
    await this.calls.onCoordinators<MemberToRemove, void>('group', () => groupId, {
      what: `remove from group '${groupId}' the member`,
      items: members === 'all' ? await this.#membersOf(groupId, options) : members,
      each: specs.memberToRemove,
      nameOf: memberName,
      timeoutMs,
      ask: async (connection, asked) => {
        const leaving = asked.map((member) => {
          return 'memberId' in member
            ? { memberId: member.memberId, reason }
            : { memberId: '', groupInstanceId: member.groupInstanceId, reason }
        })
        const answer = await connection.request(LeaveGroup, { groupId, members: leaving })
        if (answer.errorCode !== 0) return asked.map((member) => ({ name: memberName(member), errorCode: answer.errorCode }))
        return answer.members.map(({ memberId, groupInstanceId, errorCode }) => {
          const isStatic = asked.some((member) => 'groupInstanceId' in member && member.groupInstanceId === groupInstanceId)
          return { name: isStatic ? groupInstanceId! : memberId, errorCode }
        })
      },
    })
  }

  async #membersOf(groupId: string, { timeoutMs }: AdminOptions): Promise<MemberToRemove[]> {
    const [group] = await this.describeClassicGroups([groupId], { timeoutMs })
    return group!.members.map(({ memberId, groupInstanceId }) => (groupInstanceId === null ? { memberId } : { groupInstanceId }))
  }

  async #ofPartitions<Item extends TopicPartition>(
    what: string,
    groupId: string,
    items: readonly Item[],
    each: Check,
    options: AdminOptions,
    ask: (connection: BrokerConnection, items: readonly Item[]) => Promise<PartitionsAnswer>,
  ): Promise<void[]> {
    check('admin', 'groupId', groupId, specs.text)
    return this.calls.onCoordinators<Item, void>('group', () => groupId, {
      what,
      items,
      each,
      nameOf: tpKey,
      timeoutMs: options.timeoutMs,
      ask: async (connection, asked) => {
        const { errorCode = 0, topics } = await ask(connection, asked)
        if (errorCode !== 0) return asked.map((tp) => ({ name: tpKey(tp), errorCode }))
        return topics.flatMap(({ name: topic, partitions }) =>
          partitions.map((each) => ({ name: tpKey({ topic, partition: each.partitionIndex }), errorCode: each.errorCode })),
        )
      },
    })
  }
}

function memberName(member: MemberToRemove): string {
  return 'memberId' in member ? member.memberId : member.groupInstanceId
}

interface PartitionsAnswer {
  errorCode?: number
  topics: readonly {
    readonly name: string
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[]
  }[]
}
