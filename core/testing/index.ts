/**
 * What tests need to make a broker go wrong: every call of the protocol by name, a gate to hold requests at, and the HTTP control.
 *
 * ```ts
 * import { Produce } from 'moldau/core/testing'
 *
 * broker.intercept(Produce, (call) => call.error('NOT_LEADER_OR_FOLLOWER'), { times: 1, topic: 'orders' })
 * ```
 */
import type { Api } from '../protocol/api.ts'
import type { Infer } from '../protocol/schema.ts'

export * from './apis.ts'
export { apis } from '../protocol/apis.ts'
export type { Api } from '../protocol/api.ts'
export type { InterceptedCall, Interceptor, InterceptorResult } from '../broker/intercept/intercepted-call.ts'
export type { Interception, InterceptOptions } from '../broker/intercept/interception.ts'
export type { Outcome } from '../broker/intercept/outcome.ts'
export { Gate } from './gate.ts'
export { startControl } from './control/server.ts'
export type { Control, ControlOptions } from './control/server.ts'

/** The request of a call as an interceptor sees it: `RequestOf<typeof Produce>`. */
export type RequestOf<A extends Api> = Infer<A['request']>
/** The response of a call as `call.next()` answers it. */
export type ResponseOf<A extends Api> = Infer<A['response']>
