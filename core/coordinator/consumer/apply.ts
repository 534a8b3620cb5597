import type { Context } from '../group-state.ts'
import { hasPartition } from '../partitions.ts'
import type { ConsumerRecord } from './records.ts'
import { type ConsumerGroup, type ConsumerMember, newConsumerMember } from './state.ts'

/** Decides something: the group changes at once, and the record goes to the log with the others of the operation. */
export function decide(group: ConsumerGroup, record: ConsumerRecord, { out }: Context): void {
  applyConsumerRecord(group, record)
  out.record(record)
}

/** What a record does to its group; the same whether it is decided now or read from the log. */
export function applyConsumerRecord(group: ConsumerGroup, record: ConsumerRecord): void {
  switch (record.kind) {
    case 'consumer group':
      if (record.value === null) group.dead = true
      else Object.assign(group, record.value)
      return
    case 'partition metadata':
      return
    case 'member':
      return record.value === null ? removeMember(group, record.member) : setMetadata(group, record.member, record.value)
    case 'target':
      group.targetEpoch = record.value?.epoch ?? 0
      group.targetTimestamp = record.value?.timestamp ?? 0
      return
    case 'member target':
      if (record.value === null) group.targets.delete(record.member)
      else group.targets.set(record.member, record.value)
      return
    case 'current':
      return setCurrent(group, record)
    case 'regex':
      if (record.value === null) group.regexes.delete(record.regex)
      else group.regexes.set(record.regex, record.value)
  }
}

function ensureMember(group: ConsumerGroup, id: string): ConsumerMember {
  let member = group.members.get(id)
  if (member === undefined) group.members.set(id, (member = newConsumerMember(id)))
  return member
}

function setMetadata(group: ConsumerGroup, id: string, metadata: ConsumerMember['metadata']): void {
  ensureMember(group, id).metadata = metadata
  if (metadata.instanceId !== null) group.statics.set(metadata.instanceId, id)
}

function removeMember(group: ConsumerGroup, id: string): void {
  const member = group.members.get(id)
  if (member === undefined) return
  release(group, member)
  group.members.delete(id)
  const { instanceId } = member.metadata
  if (instanceId !== null && group.statics.get(instanceId) === id) group.statics.delete(instanceId)
}

function setCurrent(group: ConsumerGroup, record: ConsumerRecord & { kind: 'current' }): void {
  const member = record.value === null ? group.members.get(record.member) : ensureMember(group, record.member)
  if (member === undefined) return
  release(group, member)
  if (record.value === null) {
    member.current = newConsumerMember(member.id).current
    return
  }
  member.current = record.value
  for (const partitions of [member.current.assigned, member.current.revoking]) {
    for (const [topicId, ids] of partitions) for (const id of ids.keys()) group.owners.set(topicId, id, member.id)
  }
}

/** A partition that another one owns by now (a compacted log tells it in that order) is left alone. */
function release(group: ConsumerGroup, { id, current }: ConsumerMember): void {
  for (const partitions of [current.assigned, current.revoking]) {
    for (const [topicId, ids] of partitions) {
      for (const partition of ids.keys()) {
        if (group.owners.get(topicId, partition) === id) group.owners.delete(topicId, partition)
      }
    }
  }
}

/** After all records were read: whoever owns a partition now, in whatever order the log told it. */
export function restoreOwners(group: ConsumerGroup): void {
  for (const member of group.members.values()) {
    for (const partitions of [member.current.assigned, member.current.revoking]) {
      for (const [topicId, ids] of partitions) {
        for (const id of ids.keys()) if (!isOwned(group, topicId, id)) group.owners.set(topicId, id, member.id)
      }
    }
  }
}

function isOwned(group: ConsumerGroup, topicId: string, partition: number): boolean {
  const owner = group.members.get(group.owners.get(topicId, partition) ?? '')?.current
  return owner !== undefined && (hasPartition(owner.assigned, topicId, partition) || hasPartition(owner.revoking, topicId, partition))
}
