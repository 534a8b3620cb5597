import test from 'ava'
import fc from 'fast-check'

import { ZERO_UUID } from '../../core/base/uuid.ts'
import { handlers } from '../../core/broker/handlers.ts'
import { errorAnswer } from '../../core/broker/error-answer.ts'
import { Interceptions } from '../../core/broker/intercept/interceptions.ts'
import { namedTopics } from '../../core/broker/intercept/named-topics.ts'
import { decodeBuffer, encodeBuffer } from '../../core/protocol/codec.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import * as testing from '../../core/testing/index.ts'
import { apis, Produce } from '../../core/testing/index.ts'
import { arbitraryBody } from '../support/arbitrary-message.ts'

test('every call that is served can be refused in every version, in the places that its response has', (t) => {
  for (const { api, minVersion, maxVersion } of handlers) {
    for (let version = minVersion; version <= maxVersion; version++) {
      fc.assert(
        fc.property(arbitraryBody(api.request, version), (request) => {
          const error = 'NOT_CONTROLLER'
          const body = errorAnswer(api, version, request, error, 'why')
          if (body === undefined) return t.fail(`${api.name} ${version} has no place for an error`)
          const read = decodeBuffer(api.response, version, encodeBuffer(api.response, version, body))
          const codes = codesIn(read)
          const asked = Object.values(request).some((list) => Array.isArray(list) && list.length > 0)
          if (asked && codes.length === 0 && !('errorCode' in (read as object))) {
            // A list of things that list nothing themselves.
            const inner = Object.values(request).flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
            t.true(
              inner.every((item) => typeof item === 'object'),
              `${api.name} ${version}`,
            )
          }
          t.true(codes.every((code) => code === errorCode(error) || code === 0))
        }),
        { numRuns: 10, seed: 1 },
      )
    }
  }
})

function codesIn(body: unknown): number[] {
  if (typeof body !== 'object' || body === null || Buffer.isBuffer(body)) return []
  return Object.entries(body).flatMap(([name, value]) => (/^(partitionE|e)rrorCode$/.test(name) ? [value as number] : codesIn(value)))
}

test('a refusal names what was asked for', (t) => {
  const refused = (name: string, version: number, request: unknown): unknown => {
    const api = apis.find((one) => one.name === name)!
    return decodeBuffer(api.response, version, encodeBuffer(api.response, version, errorAnswer(api, version, request, 'NOT_COORDINATOR')!))
  }
  const code = errorCode('NOT_COORDINATOR')
  t.like(refused('Fetch', 11, { topics: [{ topic: 'a', partitions: [{ partition: 3, fetchOffset: 9 }] }], forgottenTopicsData: [] }), {
    errorCode: 0,
    responses: [{ topic: 'a', partitions: [{ partitionIndex: 3, errorCode: code, highWatermark: -1 }] }],
  })
  t.like(refused('FindCoordinator', 4, { key: '', keyType: 0, coordinatorKeys: ['g', 'h'] }), {
    coordinators: [
      { key: 'g', errorCode: code, nodeId: -1, port: -1 },
      { key: 'h', errorCode: code },
    ],
  })
  t.like(refused('AddPartitionsToTxn', 3, { transactions: [], v3AndBelowTopics: [{ name: 'a', partitions: [0, 5] }] }), {
    resultsByTopicV3AndBelow: [
      {
        name: 'a',
        resultsByPartition: [
          { partitionIndex: 0, partitionErrorCode: code },
          { partitionIndex: 5, partitionErrorCode: code },
        ],
      },
    ],
  })
  t.like(refused('OffsetFetch', 8, { topics: [], groups: [{ groupId: 'g', topics: null }] }), {
    groups: [{ groupId: 'g', errorCode: code }],
  })
  t.like(refused('DeleteTopics', 5, { topics: [], topicNames: ['a', 'b'] }), { responses: [{ name: 'a', errorCode: code }, { name: 'b' }] })
  t.like(refused('DescribeConfigs', 4, { resources: [{ resourceType: 2, resourceName: 'a', configurationKeys: ['x'] }] }), {
    results: [{ resourceType: 2, resourceName: 'a', errorCode: code }],
  })
  t.like(refused('OffsetForLeaderEpoch', 4, { topics: [{ topic: 'a', partitions: [{ partition: 2, leaderEpoch: 0 }] }] }), {
    topics: [{ topic: 'a', partitions: [{ partition: 2, errorCode: code, endOffset: -1 }] }],
  })
  t.like(refused('DescribeGroups', 5, { groups: ['g'] }), { groups: [{ groupId: 'g', errorCode: code }] })
  t.like(refused('JoinGroup', 9, { groupId: 'g', protocols: [{ name: 'range' }] }), { errorCode: code, generationId: -1, members: [] })
})

test('topics are found wherever a request names them', (t) => {
  const names = (request: object): string[] => [...namedTopics(request, (id) => (id === 'ID' ? 'by-id' : undefined))]
  t.deepEqual(names({ topics: [{ name: 'a' }, { name: '', topicId: 'ID' }, { name: null, topicId: 'unknown' }] }), ['a', 'by-id'])
  t.deepEqual(
    names({
      topics: [
        { topic: '', topicId: 'ID' },
        { topic: 'b', topicId: ZERO_UUID },
      ],
    }),
    ['by-id', 'b'],
  )
  t.deepEqual(names({ topics: null }), [])
  t.deepEqual(names({ topicNames: ['a', 'b'] }), ['a', 'b'])
  t.deepEqual(names({ groups: [{ groupId: 'g', topics: [{ name: 'a' }] }], transactions: [{ topics: [{ name: 'b' }] }] }), ['a', 'b'])
  t.deepEqual(
    names({
      resources: [
        { resourceType: 2, resourceName: 'a' },
        { resourceType: 4, resourceName: '1' },
      ],
    }),
    ['a'],
  )
  t.deepEqual(names({ groups: ['g'], coordinatorKeys: ['k'] }), [])
})

test('every call of the protocol is exported under its name', (t) => {
  for (const api of apis) t.is((testing as Record<string, unknown>)[api.name], api, `add it to core/testing/apis.ts: ${api.name}`)
})

test('a call that nobody intercepts is served by its own handler: nothing is asked, nothing is copied', (t) => {
  const table = new Map(handlers.map((handler) => [handler.api.key, handler]))
  const interceptions = new Interceptions(handlers, (handler) => table.set(handler.api.key, handler))
  const all = interceptions.add(
    apis.filter(({ key }) => table.has(key)),
    () => {},
    {},
  )
  const one = interceptions.add([Produce], () => {}, {})
  for (const handler of handlers) t.not(table.get(handler.api.key), handler)
  t.false(table.get(Produce.key)!.readsAtOnce, 'what an interceptor holds is its own')
  all.remove()
  all.remove()
  const own = (): string[] => handlers.filter((handler) => table.get(handler.api.key) !== handler).map(({ api }) => api.name)
  t.deepEqual(own(), ['Produce'])
  one.remove()
  t.deepEqual(own(), [])
})
