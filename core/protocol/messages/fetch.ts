import { api } from '../api.ts'
import { array, int16, int32, int64, int64Exact, int8, message, records, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Reads record batches, for consumers and followers; waits for `minBytes`. From version 7 on in sessions (KIP-227), from 13 on by topic id (KIP-516). */

export const FetchRequest = message('FetchRequest', '0-18', '12+', {
  clusterId: string('12+', { nullable: true, default: null, ignorable: true, tag: 0 }),
  replicaId: int32('0-14', { default: -1 }),
  replicaState: struct({ replicaId: int32({ default: -1 }), replicaEpoch: int64({ default: -1 }) }, '15+', { tag: 1 }),
  maxWaitMs: int32(),
  minBytes: int32(),
  maxBytes: int32('3+', { default: 0x7fff_ffff, ignorable: true }),
  isolationLevel: int8('4+', { default: 0, ignorable: true }),
  sessionId: int32('7+', { default: 0, ignorable: true }),
  sessionEpoch: int32('7+', { default: -1, ignorable: true }),
  topics: array({
    topic: string('0-12', { ignorable: true }),
    topicId: uuid('13+', { ignorable: true }),
    partitions: array({
      partition: int32(),
      currentLeaderEpoch: int32('9+', { default: -1, ignorable: true }),
      fetchOffset: int64(),
      lastFetchedEpoch: int32('12+', { default: -1 }),
      logStartOffset: int64('5+', { default: -1, ignorable: true }),
      partitionMaxBytes: int32(),
      replicaDirectoryId: uuid('17+', { ignorable: true, tag: 0 }),
      highWatermark: int64Exact('18+', { default: 0x7fff_ffff_ffff_ffffn, ignorable: true, tag: 1 }),
    }),
  }),
  forgottenTopicsData: array(
    {
      topic: string('7-12', { ignorable: true }),
      topicId: uuid('13+', { ignorable: true }),
      partitions: array(int32()),
    },
    '7+',
  ),
  rackId: string('11+', { default: '', ignorable: true }),
})
export type FetchRequest = Infer<typeof FetchRequest>

export const FetchResponse = message('FetchResponse', '0-18', '12+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  errorCode: int16('7+', { ignorable: true }),
  sessionId: int32('7+', { default: 0 }),
  responses: array({
    topic: string('0-12', { ignorable: true }),
    topicId: uuid('13+', { ignorable: true }),
    partitions: array({
      partitionIndex: int32(),
      errorCode: int16(),
      highWatermark: int64(),
      lastStableOffset: int64('4+', { default: -1, ignorable: true }),
      logStartOffset: int64('5+', { default: -1, ignorable: true }),
      divergingEpoch: struct({ epoch: int32({ default: -1 }), endOffset: int64({ default: -1 }) }, '12+', { tag: 0 }),
      currentLeader: struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, '12+', { tag: 1 }),
      snapshotId: struct({ endOffset: int64({ default: -1 }), epoch: int32({ default: -1 }) }, '12+', { tag: 2 }),
      abortedTransactions: array({ producerId: int64(), firstOffset: int64() }, '4+', { nullable: true, ignorable: true }),
      preferredReadReplica: int32('11+', { default: -1 }),
      records: records({ nullable: true }),
    }),
  }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: true, default: null }),
    },
    '16+',
    { tag: 0 },
  ),
})
export type FetchResponse = Infer<typeof FetchResponse>

export const Fetch = api(1, 'Fetch', FetchRequest, FetchResponse)
