import type { Channel } from '../../core/net/channel.ts'
import { errorName } from '../../core/protocol/errors.ts'
import { DeleteGroups } from '../../core/protocol/messages/delete-groups.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { JoinGroup } from '../../core/protocol/messages/join-group.ts'
import { LeaveGroup } from '../../core/protocol/messages/leave-group.ts'
import { OffsetCommit } from '../../core/protocol/messages/offset-commit.ts'
import { SyncGroup } from '../../core/protocol/messages/sync-group.ts'

/** What one broker has told a member of a classic group. */
interface Told {
  id: string
  generation: number
  /** Ids of those it has to assign for, when it leads. */
  leads: string[]
}

/**
 * Members of a classic group against one broker. Requests that wait for others are not waited for: their answers are collected whenever they come,
 * each with the step that asked.
 */
export class ClassicSide {
  readonly answers: string[]
  readonly #open: (label: string) => Promise<Channel>
  readonly #told: Map<string, Told>
  readonly #labels: Map<string, string>
  /** A connection answers one request after the other: who waits gets another one. */
  readonly #busy: Map<string, number>
  leader: string
  readonly #waiting: Map<string, number>

  constructor(open: (label: string) => Promise<Channel>) {
    this.answers = []
    this.#open = open
    this.#told = new Map()
    this.#labels = new Map()
    this.#busy = new Map()
    this.leader = ''
    this.#waiting = new Map()
  }

  /** True while a request of the member has no answer. */
  waits(label: string): boolean {
    return (this.#waiting.get(label) ?? 0) > 0
  }

  /** The answers so far; ids are told by the labels of their members, which may become known later than an answer that names them. */
  rendered(): string[] {
    return this.answers.map((answer) => {
      let text = answer
      for (const [id, label] of this.#labels) text = text.replaceAll(id, label)
      return text
    })
  }

  told(label: string): Told {
    let told = this.#told.get(label)
    if (told === undefined) this.#told.set(label, (told = { id: '', generation: -1, leads: [] }))
    return told
  }

  label(id: string): string {
    return this.#labels.get(id) ?? id
  }

  /** Runs a step; its answer is noted when it comes. */
  async run(step: number, label: string, ask: (channel: Channel) => Promise<string>): Promise<void> {
    const turn = (this.#busy.get(label) ?? 0) + 1
    this.#busy.set(label, turn)
    const channel = await this.#open(`${label}${turn}`)
    this.#waiting.set(label, (this.#waiting.get(label) ?? 0) + 1)
    const note = (answer: string): void => {
      this.answers.push(`${step} ${label}: ${answer}`)
      this.#waiting.set(label, this.#waiting.get(label)! - 1)
    }
    ask(channel).then(note, (error: unknown) => note(String(error)))
  }

  join(
    label: string,
    group: string,
    options: { instanceId: string | null; fresh: boolean; metadata: string; type: string; protocol: string; version: number },
  ) {
    return async (channel: Channel): Promise<string> => {
      const told = this.told(label)
      if (options.fresh) told.id = ''
      const answer = await channel.request(JoinGroup, options.version, {
        groupId: group,
        sessionTimeoutMs: 30_000,
        rebalanceTimeoutMs: 60_000,
        memberId: told.id,
        ...(options.version >= 5 ? { groupInstanceId: options.instanceId } : {}),
        protocolType: options.type,
        protocols: [{ name: options.protocol, metadata: Buffer.from(options.metadata) }],
      })
      const error = errorName(answer.errorCode)
      if (answer.memberId !== '') {
        told.id = answer.memberId
        this.#labels.set(answer.memberId, label)
      }
      if (error === 'NONE') {
        told.generation = answer.generationId
        told.leads = answer.members.map(({ memberId }) => memberId)
        this.leader = this.label(answer.leader)
      }
      // By what they say: whose answer is still to come has no label yet.
      const members = answer.members.map(({ metadata }) => metadata.toString()).toSorted()
      return [
        error,
        answer.generationId,
        answer.protocolType,
        answer.protocolName,
        error === 'NONE' ? answer.leader : '',
        members.join(),
        answer.skipAssignment,
      ].join(' ')
    }
  }

  sync(label: string, group: string, options: { instanceId: string | null; shift: number; protocol: string | null }) {
    return async (channel: Channel): Promise<string> => {
      const { id, generation, leads } = this.told(label)
      const version = options.protocol === null ? 4 : 5
      const answer = await channel.request(SyncGroup, version, {
        groupId: group,
        generationId: generation + options.shift,
        memberId: id,
        groupInstanceId: options.instanceId,
        ...(version >= 5 ? { protocolType: 'consumer', protocolName: options.protocol } : {}),
        assignments: leads.map((memberId) => ({ memberId, assignment: Buffer.from(`for ${this.label(memberId)}`) })),
      })
      return [errorName(answer.errorCode), answer.protocolType, answer.protocolName, answer.assignment.toString()].join(' ')
    }
  }

  heartbeat(label: string, group: string, options: { instanceId: string | null; shift: number }) {
    return async (channel: Channel): Promise<string> => {
      const { id, generation } = this.told(label)
      const request = { groupId: group, generationId: generation + options.shift, memberId: id, groupInstanceId: options.instanceId }
      return errorName((await channel.request(Heartbeat, 4, request)).errorCode)
    }
  }

  leave(label: string, group: string, options: { instanceId: string | null; byInstance: boolean }) {
    return async (channel: Channel): Promise<string> => {
      const memberId = options.byInstance ? '' : this.told(label).id
      const members = [{ memberId, groupInstanceId: options.instanceId, reason: null }]
      const answer = await channel.request(LeaveGroup, 5, { groupId: group, members })
      return [errorName(answer.errorCode), ...answer.members.map(({ errorCode }) => errorName(errorCode))].join(' ')
    }
  }

  commit(label: string, group: string, options: { instanceId: string | null; shift: number; anybody: boolean }) {
    return async (channel: Channel): Promise<string> => {
      const { id, generation } = this.told(label)
      const who = options.anybody
        ? { generationIdOrMemberEpoch: -1, memberId: '' }
        : { generationIdOrMemberEpoch: generation + options.shift, memberId: id, groupInstanceId: options.instanceId }
      const topics = [
        { name: 't', partitions: [{ partitionIndex: 0, committedOffset: 0, committedLeaderEpoch: -1, committedMetadata: '' }] },
      ]
      const answer = await channel.request(OffsetCommit, 8, { groupId: group, ...who, topics })
      return errorName(answer.topics[0]!.partitions[0]!.errorCode)
    }
  }

  remove(group: string) {
    return async (channel: Channel): Promise<string> => {
      const { results } = await channel.request(DeleteGroups, 2, { groupsNames: [group] })
      return errorName(results[0]!.errorCode)
    }
  }

  async describe(group: string): Promise<unknown> {
    const channel = await this.#open('admin')
    const [answer] = (await channel.request(DescribeGroups, 6, { groups: [group], includeAuthorizedOperations: false })).groups
    const members = answer!.members.map(({ memberId, groupInstanceId, memberMetadata, memberAssignment }) => {
      const label = this.label(memberId)
      return [label.length > 20 ? '?' : label, groupInstanceId, memberMetadata.toString(), memberAssignment.toString()].join(' ')
    })
    return [errorName(answer!.errorCode), answer!.groupState, answer!.protocolType, answer!.protocolData, members.toSorted()]
  }
}
