import { kafkaError } from '../protocol/errors.ts'
import type { Guard } from './guards/guard.ts'
import type { Handler } from './handler.ts'

const guards: ReadonlyMap<string, Guard> = new Map()

/** What stands before a handler. A call that nobody has thought about is refused: forgetting must not open a door. */
export function guardOf(handler: Handler): Guard {
  return guards.get(handler.api.name) ?? refuse
}

const refuse: Guard = () => {
  throw kafkaError('CLUSTER_AUTHORIZATION_FAILED')
}
