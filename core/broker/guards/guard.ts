import type { Api } from '../../protocol/api.ts'
import { errorCode } from '../../protocol/errors.ts'
import type { Infer, Input, Message } from '../../protocol/schema.ts'
import type { Handler, RequestContext } from '../handler.ts'
import type { BrokerServices } from '../services.ts'

/**
 * What stands before a handler when there is access control: it looks at the request, lets the handler answer what the asker may have, and answers the
 * rest itself. Without access control no guard is ever called. Which operation on what is asked for is Kafka's KafkaApis and ControllerApis.
 */
export type Guard = (request: unknown, context: RequestContext, handler: Handler) => unknown

/** A guard under the name of its call. */
export interface NamedGuard {
  readonly name: string
  readonly guard: Guard
}

type Answered<Res> = Res | Promise<Res>
type Next<Req, Res> = (request: Req) => Answered<Res>

/** What the handlers of most calls answer: something, because only Produce may answer nothing. */
type Body<M> = Input<M> extends infer I ? I : never

/** The guard of a call. A KafkaError that it throws is answered for the whole call. */
export function guard<Req extends Message, Res extends Message>(
  api: Api<Req, Res>,
  check: (request: Infer<Req>, context: RequestContext, next: Next<Infer<Req>, Body<Res>>) => Answered<Body<Res> | undefined>,
): NamedGuard {
  return guardNamed<Infer<Req>, Body<Res>>(api.name, check)
}

/** As {@link guard}, for a call known by what its messages look like. */
export function guardNamed<Req, Res>(
  name: string,
  check: (request: Req, context: RequestContext, next: Next<Req, Res>) => Answered<Res | undefined>,
): NamedGuard {
  return {
    name,
    guard: (request, context, handler) => check(request as Req, context, (allowed) => handler.handle(allowed, context) as Answered<Res>),
  }
}

/** Does something to an answer, at once when it is there. */
export function then<T, U>(answer: Answered<T>, change: (answer: T) => U): Answered<U> {
  return answer instanceof Promise ? answer.then(change) : change(answer)
}

/** Parts a list by whether it is allowed. */
export function part<T>(items: readonly T[], isAllowed: (item: T) => boolean): { allowed: T[]; refused: T[] } {
  const allowed: T[] = []
  const refused: T[] = []
  for (const item of items) (isAllowed(item) ? allowed : refused).push(item)
  return { allowed, refused }
}

/** The name of a topic that a request means by name or by id; undefined for an id that is not known, which the handler answers. */
export function topicName(broker: BrokerServices, name: string | null | undefined, topicId?: string): string | undefined {
  return name || (topicId === undefined ? undefined : broker.topics.byId(topicId)?.name)
}

export const TOPIC_REFUSED = errorCode('TOPIC_AUTHORIZATION_FAILED')
export const GROUP_REFUSED = errorCode('GROUP_AUTHORIZATION_FAILED')
export const CLUSTER_REFUSED = errorCode('CLUSTER_AUTHORIZATION_FAILED')
export const ID_REFUSED = errorCode('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
