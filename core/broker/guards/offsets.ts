import { OffsetCommit } from '../../protocol/messages/offset-commit.ts'
import { OffsetDelete } from '../../protocol/messages/offset-delete.ts'
import { OffsetFetch } from '../../protocol/messages/offset-fetch.ts'
import type { OffsetFetchRequest } from '../../protocol/messages/offset-fetch.ts'
import { TxnOffsetCommit } from '../../protocol/messages/txn-offset-commit.ts'
import { kafkaError } from '../../protocol/errors.ts'
import type { RequestContext } from '../handler.ts'
import { GROUP_REFUSED, ID_REFUSED, TOPIC_REFUSED, guard, part, then, topicName } from './guard.ts'
import type { NamedGuard } from './guard.ts'

function mayUse({ session, broker }: RequestContext, operation: 'read' | 'describe', name: string, topicId?: string): boolean {
  const topic = topicName(broker, name, topicId)
  return topic === undefined || session.allows(operation, 'topic', topic)
}

/** Each partition with the same error. */
function refusedTopics<T extends { name: string; topicId?: string; partitions: readonly { partitionIndex: number }[] }>(
  topics: readonly T[],
  code: number,
) {
  return topics.map(({ name, topicId, partitions }) => ({
    name,
    ...(topicId !== undefined && { topicId }),
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
  }))
}

const offsetCommit = guard(OffsetCommit, (request, context, next) => {
  if (!context.session.allows('read', 'group', request.groupId)) return { topics: refusedTopics(request.topics, GROUP_REFUSED) }
  const { allowed, refused } = part(request.topics, ({ name, topicId }) => mayUse(context, 'read', name, topicId))
  if (refused.length === 0) return next(request)
  const topics = refusedTopics(refused, TOPIC_REFUSED)
  if (allowed.length === 0) return { topics }
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

const txnOffsetCommit = guard(TxnOffsetCommit, (request, context, next) => {
  const { session } = context
  const whole = (code: number) => ({ throttleTimeMs: 0, topics: refusedTopics(request.topics, code) })
  if (!session.allows('write', 'transactionalId', request.transactionalId)) return whole(ID_REFUSED)
  if (!session.allows('read', 'group', request.groupId)) return whole(GROUP_REFUSED)
  const { allowed, refused } = part(request.topics, ({ name }) => mayUse(context, 'read', name))
  if (refused.length === 0) return next(request)
  const topics = refusedTopics(refused, TOPIC_REFUSED)
  if (allowed.length === 0) return { throttleTimeMs: 0, topics }
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

function unreadable<T extends { name: string; topicId?: string; partitionIndexes: readonly number[] }>(topics: readonly T[], code: number) {
  return topics.map(({ name, topicId, partitionIndexes }) => ({
    name,
    ...(topicId !== undefined && { topicId }),
    partitions: partitionIndexes.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: -1,
      committedLeaderEpoch: -1,
      metadata: '',
      errorCode: code,
    })),
  }))
}

/** Of one group: null for all topics, of which those that may not be seen are left out without a word. */
const offsetFetch = guard(OffsetFetch, (request, context, next) => {
  if (context.version < 8) return fetchOfOne(request, context, next)
  const { session } = context
  const groups = part(request.groups, ({ groupId }) => session.allows('describe', 'group', groupId))
  const asked = groups.allowed.map((group) => ({
    group,
    topics: group.topics === null ? null : part(group.topics, ({ name, topicId }) => mayUse(context, 'describe', name, topicId)),
  }))
  const refusedGroups = groups.refused.map(({ groupId }) => ({ groupId, topics: [], errorCode: GROUP_REFUSED }))
  const allowed = asked.map(({ group, topics }) => ({ ...group, topics: topics?.allowed ?? null }))
  return then(next({ ...request, groups: allowed }), (answer) => ({
    ...answer,
    groups: [
      ...(answer.groups ?? []).map((found) => {
        const refused = asked.find(({ group }) => group.groupId === found.groupId)?.topics?.refused
        if (found.errorCode) return found
        if (refused !== undefined) return { ...found, topics: [...found.topics, ...unreadable(refused, TOPIC_REFUSED)] }
        return { ...found, topics: found.topics.filter(({ name, topicId }) => mayUse(context, 'describe', name ?? '', topicId)) }
      }),
      ...refusedGroups,
    ],
  }))
})

type NextFetch = Parameters<Parameters<typeof guard<typeof OffsetFetch.request, typeof OffsetFetch.response>>[1]>[2]

function fetchOfOne(request: OffsetFetchRequest, context: RequestContext, next: NextFetch): ReturnType<NextFetch> {
  const { topics } = request
  if (!context.session.allows('describe', 'group', request.groupId)) {
    if (context.version >= 2) return { topics: [], errorCode: GROUP_REFUSED }
    return { topics: unreadable(topics ?? [], GROUP_REFUSED) }
  }
  const may = ({ name }: { name: string }): boolean => mayUse(context, 'describe', name)
  if (topics === null) return then(next(request), (answer) => ({ ...answer, topics: (answer.topics ?? []).filter(may) }))
  const { allowed, refused } = part(topics, may)
  if (refused.length === 0) return next(request)
  return then(next({ ...request, topics: allowed }), (answer) =>
    answer.errorCode ? answer : { ...answer, topics: [...(answer.topics ?? []), ...unreadable(refused, TOPIC_REFUSED)] },
  )
}

const offsetDelete = guard(OffsetDelete, (request, context, next) => {
  if (!context.session.allows('delete', 'group', request.groupId)) throw kafkaError('GROUP_AUTHORIZATION_FAILED', request.groupId)
  const { allowed, refused } = part(request.topics, ({ name }) => mayUse(context, 'read', name))
  if (refused.length === 0) return next(request)
  const topics = refusedTopics(refused, TOPIC_REFUSED)
  return then(next({ ...request, topics: allowed }), (answer) => ({ ...answer, topics: [...answer.topics, ...topics] }))
})

/** Calls about committed offsets. */
export const offsetGuards: readonly NamedGuard[] = [offsetCommit, offsetFetch, offsetDelete, txnOffsetCommit]
