import test from 'ava'
import { apiByKey } from '../../core/protocol/apis.ts'
import { decode, decodeBuffer } from '../../core/protocol/codec.ts'
import { decodeRequestHeader, encodeRequest } from '../../core/protocol/header.ts'
import { ConsumerProtocolSubscription } from '../../core/protocol/messages/consumer-protocol.ts'
import type { JoinGroupRequest } from '../../core/protocol/messages/join-group.ts'
import type { ProduceRequest } from '../../core/protocol/messages/produce.ts'
import { versionOf } from '../../core/protocol/versioned.ts'

/** Requests as they came over the wire (without the length in front), from kcat 1.7 with librdkafka 2.0.2 and Kafka's Java client 4.3.1. */
interface Golden {
  readonly call: string
  readonly version: number
  readonly correlationId: number
  readonly frame: string
  /** What must be in the decoded body, among other things. */
  readonly body: object
}

const kcat: readonly Golden[] = [
  {
    call: 'ApiVersions',
    version: 3,
    correlationId: 1,
    frame: 'ABIAAwAAAAEAB3Jka2Fma2EAC2xpYnJka2Fma2EGMi4wLjIA',
    body: { clientSoftwareName: 'librdkafka', clientSoftwareVersion: '2.0.2' },
  },
  {
    call: 'Metadata',
    version: 4,
    correlationId: 2,
    frame: 'AAMABAAAAAIAB3Jka2Fma2EAAAAAAA==',
    body: { topics: [], allowAutoTopicCreation: false },
  },
  {
    call: 'InitProducerId',
    version: 4,
    correlationId: 3,
    frame: 'ABYABAAAAAMAB3Jka2Fma2EAAP//////////////////AA==',
    body: { transactionalId: null, transactionTimeoutMs: -1, producerId: -1, producerEpoch: -1 },
  },
  {
    call: 'Produce',
    version: 7,
    correlationId: 4,
    frame:
      'AAAABwAAAAQAB3Jka2Fma2H/////AAB1MAAAAAEABmdvbGRlbgAAAAEAAAAAAAAATAAAAAAAAAAAAAAAQAAAAAACtZOkiQAAAAAAAAAAAaIKPtO5AAABogo+07kAAAAAAAAD6AAAAAAAAAAAAAEcAAAABmtleQp2YWx1ZQA=',
    body: { transactionalId: null, acks: -1, timeoutMs: 30_000 },
  },
  {
    call: 'ListOffsets',
    version: 2,
    correlationId: 4,
    frame: 'AAIAAgAAAAQAB3Jka2Fma2H/////AQAAAAEABmdvbGRlbgAAAAEAAAAA//////////4=',
    body: {
      replicaId: -1,
      isolationLevel: 1,
      topics: [{ name: 'golden', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -2, maxNumOffsets: 1 }] }],
    },
  },
  {
    call: 'Fetch',
    version: 11,
    correlationId: 5,
    frame: 'AAEACwAAAAUAB3Jka2Fma2H/////AAAB9AAAAAEDIAAAAQAAAAD/////AAAAAQAGZ29sZGVuAAAAAQAAAAD/////AAAAAAAAAAD//////////wAQAAAAAAAAAAA=',
    body: {
      replicaId: -1,
      maxWaitMs: 500,
      minBytes: 1,
      maxBytes: 52_428_800,
      isolationLevel: 1,
      sessionId: 0,
      sessionEpoch: -1,
      rackId: '',
    },
  },
  {
    call: 'FindCoordinator',
    version: 2,
    correlationId: 3,
    frame: 'AAoAAgAAAAMAB3Jka2Fma2EAA2dycAA=',
    body: { key: 'grp', keyType: 0 },
  },
  {
    call: 'JoinGroup',
    version: 5,
    correlationId: 3,
    frame:
      'AAsABQAAAAMAB3Jka2Fma2EAA2dycAAAr8gABJPgAAD//wAIY29uc3VtZXIAAAACAAVyYW5nZQAAABYAAQAAAAEABmdvbGRlbgAAAAAAAAAAAApyb3VuZHJvYmluAAAAFgABAAAAAQAGZ29sZGVuAAAAAAAAAAA=',
    body: {
      groupId: 'grp',
      sessionTimeoutMs: 45_000,
      rebalanceTimeoutMs: 300_000,
      memberId: '',
      groupInstanceId: null,
      protocolType: 'consumer',
    },
  },
]

const java: readonly Golden[] = [
  {
    call: 'ApiVersions',
    version: 4,
    correlationId: 0,
    frame: 'ABIABAAAAAAADWFkbWluY2xpZW50LTEAEmFwYWNoZS1rYWZrYS1qYXZhBjQuMy4xAA==',
    body: { clientSoftwareName: 'apache-kafka-java', clientSoftwareVersion: '4.3.1' },
  },
  {
    call: 'Metadata',
    version: 13,
    correlationId: 1,
    frame: 'AAMADQAAAAEADWFkbWluY2xpZW50LTEAAQEAAA==',
    body: { topics: [], allowAutoTopicCreation: true },
  },
  {
    call: 'DescribeCluster',
    version: 2,
    correlationId: 3,
    frame: 'ADwAAgAAAAMADWFkbWluY2xpZW50LTEAAAEAAA==',
    body: { includeClusterAuthorizedOperations: false, endpointType: 1, includeFencedBrokers: false },
  },
]

for (const [client, clientId, frames] of [
  ['kcat', 'rdkafka', kcat],
  ['the Java client', 'adminclient-1', java],
] as const) {
  for (const golden of frames) {
    test(`${golden.call} v${golden.version} of ${client} is read to its last byte and written back the same`, (t) => {
      const frame = Buffer.from(golden.frame, 'base64')
      const header = decodeRequestHeader(frame)
      t.like(header, { apiVersion: golden.version, correlationId: golden.correlationId, clientId })
      const call = apiByKey(header.apiKey)!
      t.is(call.name, golden.call)
      const body = decode(call.request, header.apiVersion, header.reader)
      t.is(header.reader.remaining, 0)
      t.like(body as object, golden.body)
      const written = Buffer.concat(encodeRequest(call, header.apiVersion, header.correlationId, header.clientId, body))
      t.deepEqual(written.subarray(4), frame)
    })
  }
}

function bodyOf(call: string): unknown {
  const header = decodeRequestHeader(Buffer.from(kcat.find((golden) => golden.call === call)!.frame, 'base64'))
  return decode(apiByKey(header.apiKey)!.request, header.apiVersion, header.reader)
}

test('the record batch inside a produce request is a slice of the frame', (t) => {
  const { records } = (bodyOf('Produce') as ProduceRequest).topicData[0]!.partitionData[0]!
  t.is(records?.length, 76)
  t.is(records?.readInt8(16), 2)
  t.true(records?.includes('value'))
})

test('the subscription inside a join request is a message with its own version', (t) => {
  const { metadata } = (bodyOf('JoinGroup') as JoinGroupRequest).protocols[0]!
  t.is(versionOf(metadata), 1)
  t.deepEqual(decodeBuffer(ConsumerProtocolSubscription, 1, metadata.subarray(2)).topics, ['golden'])
})
