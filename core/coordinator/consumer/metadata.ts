import type { MemberProtocol } from '../group-state.ts'
import type { ClassicMetadata, MemberMetadata } from './state.ts'

export function sameMetadata(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor &&
    sameSubscription(a, b) &&
    sameClassic(a.classic, b.classic)
  )
}

export function sameSubscription(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.topicRegex === b.topicRegex && a.topicNames.size === b.topicNames.size && [...a.topicNames].every((name) => b.topicNames.has(name))
  )
}

function sameClassic(a: ClassicMetadata | null, b: ClassicMetadata | null): boolean {
  if (a === null || b === null) return a === b
  return a.sessionTimeoutMs === b.sessionTimeoutMs && sameProtocols(a.protocols, b.protocols)
}

export function sameProtocols(a: readonly MemberProtocol[], b: readonly MemberProtocol[]): boolean {
  return a.length === b.length && a.every((protocol, i) => protocol.name === b[i]!.name && protocol.metadata.equals(b[i]!.metadata))
}
