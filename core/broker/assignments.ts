import { kafkaError } from '../protocol/errors.ts'

/**
 * Replicas given by hand: they must be there, once each.
 * @throws KafkaError INVALID_REPLICA_ASSIGNMENT
 */
export function checkBrokers(nodeId: number, replicas: readonly number[]): void {
  const wrong = problem(nodeId, replicas)
  if (wrong !== undefined) throw kafkaError('INVALID_REPLICA_ASSIGNMENT', `The manual partition assignment includes ${wrong}`)
}

function problem(nodeId: number, replicas: readonly number[]): string | undefined {
  if (replicas.length === 0) return 'an empty replica list.'
  const negative = replicas.find((id) => id < 0)
  if (negative !== undefined) return `an invalid negative broker id ${negative}.`
  const twice = replicas.find((id, i) => replicas.indexOf(id) !== i)
  if (twice !== undefined) return `the broker ${twice} more than once.`
  const stranger = replicas.find((id) => id !== nodeId)
  return stranger === undefined ? undefined : `broker ${stranger}, but no such broker is registered.`
}
