import { api } from '../api.ts'
import { array, int16, int32, int64, message, records, string, struct, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Appends record batches to partitions. */

export const ProduceRequest = message('ProduceRequest', '0-13', '9+', {
  transactionalId: string('3+', { nullable: true, default: null }),
  acks: int16(),
  timeoutMs: int32(),
  topicData: array({
    name: string('0-12', { ignorable: true }),
    topicId: uuid('13+', { ignorable: true }),
    partitionData: array({ index: int32(), records: records({ nullable: true }) }),
  }),
})
export type ProduceRequest = Infer<typeof ProduceRequest>

export const ProduceResponse = message('ProduceResponse', '0-13', '9+', {
  responses: array({
    name: string('0-12', { ignorable: true }),
    topicId: uuid('13+', { ignorable: true }),
    partitionResponses: array({
      index: int32(),
      errorCode: int16(),
      baseOffset: int64(),
      logAppendTimeMs: int64('2+', { default: -1, ignorable: true }),
      logStartOffset: int64('5+', { default: -1, ignorable: true }),
      recordErrors: array({ batchIndex: int32(), batchIndexErrorMessage: string({ nullable: true, default: null }) }, '8+', {
        ignorable: true,
      }),
      errorMessage: string('8+', { nullable: true, default: null, ignorable: true }),
      currentLeader: struct({ leaderId: int32({ default: -1 }), leaderEpoch: int32({ default: -1 }) }, '10+', { tag: 0 }),
    }),
  }),
  throttleTimeMs: int32('1+', { default: 0, ignorable: true }),
  nodeEndpoints: array(
    {
      nodeId: int32(),
      host: string(),
      port: int32(),
      rack: string({ nullable: true, default: null }),
    },
    '10+',
    { tag: 0 },
  ),
})
export type ProduceResponse = Infer<typeof ProduceResponse>

export const Produce = api(0, 'Produce', ProduceRequest, ProduceResponse)
