import { kafkaError } from '../protocol/errors.ts'
import { clusterGuards } from './guards/cluster.ts'
import { configGuards } from './guards/configs.ts'
import { groupGuards } from './guards/groups.ts'
import type { Guard } from './guards/guard.ts'
import { offsetGuards } from './guards/offsets.ts'
import { recordGuards } from './guards/records.ts'
import { topicGuards } from './guards/topics.ts'
import { transactionGuards } from './guards/transactions.ts'
import type { Handler } from './handler.ts'

const all = [...recordGuards, ...topicGuards, ...offsetGuards, ...groupGuards, ...transactionGuards, ...configGuards, ...clusterGuards]
const guards: ReadonlyMap<string, Guard> = new Map(all.map(({ name, guard }) => [name, guard]))

/** What stands before a handler. A call that nobody has thought about is refused: forgetting must not open a door. */
export function guardOf(handler: Handler): Guard {
  return guards.get(handler.api.name) ?? refuse
}

/** Whether a call has a guard of its own. */
export function isGuarded(name: string): boolean {
  return guards.has(name)
}

const refuse: Guard = () => {
  throw kafkaError('CLUSTER_AUTHORIZATION_FAILED')
}
