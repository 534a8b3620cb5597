import type { Broker } from '../../core/index.ts'
import { apis, Fetch, Heartbeat, Produce } from '../../core/testing/index.ts'
import type { InterceptedCall, Interception, Interceptor, RequestOf, ResponseOf } from '../../core/testing/index.ts'

/** Checked by tsc, never run: a call gives its interceptor the types of its request and response. */

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function expect<_T extends true>(): void {}

declare const broker: Broker

const interception = broker.intercept(Produce, async (call) => {
  expect<Equal<typeof call, InterceptedCall<typeof Produce.request, typeof Produce.response>>>()
  expect<Equal<typeof call.request, RequestOf<typeof Produce>>>()
  expect<Equal<typeof call.clientId, string | null>>()
  const index: number | undefined = call.request.topicData[0]?.partitionData[0]?.index
  const answer = await call.next()
  expect<Equal<typeof answer, ResponseOf<typeof Produce>>>()
  answer.responses[0]!.partitionResponses[0]!.errorCode = index ?? 0
  return answer
})
expect<Equal<typeof interception, Interception>>()

// What may be answered: a response, with or without what has a default, an outcome, nothing.
broker.intercept(Heartbeat, () => ({ errorCode: 27, throttleTimeMs: 0 }))
broker.intercept(Heartbeat, (call) => call.error('REBALANCE_IN_PROGRESS'))
broker.intercept(Heartbeat, (call) => call.drop())
broker.intercept(Heartbeat, (call) => call.next())
broker.intercept(Heartbeat, (call) => call.delay(10))
broker.intercept(Heartbeat, () => {}, { times: 1, clientId: 'c', topic: 't', versions: '0-3', probability: 0.5, seed: 1 })
broker.intercept(Fetch, () => {}, { where: (call) => call.request.maxWaitMs > 100 })
// Of several calls the request is whatever it is.
broker.intercept([Produce, Fetch], (call) => expect<Equal<typeof call.request, unknown>>())
broker.intercept(apis, (call) => call.drop())
const reusable: Interceptor = (call) => call.delay(10)
broker.intercept(Produce, reusable)

// @ts-expect-error a response of another call
broker.intercept(Heartbeat, () => ({ responses: [] }))
// @ts-expect-error there is no such field
broker.intercept(Produce, (call) => void call.request.topics)
// @ts-expect-error there is no such error
broker.intercept(Produce, (call) => call.error('NOT_LEADER'))
// @ts-expect-error options are named
broker.intercept(Produce, () => {}, { client: 'c' })
// @ts-expect-error versions are a range
broker.intercept(Produce, () => {}, { versions: 'all' })
// @ts-expect-error what is only known by its name has no types
broker.intercept('Produce', () => {})
