import { api } from '../api.ts'
import { array, bool, int16, int32, int64, int8, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** The coordinator has the leaders of partitions write the end of a transaction. */

export const WriteTxnMarkersRequest = message('WriteTxnMarkersRequest', '0-2', '1+', {
  markers: array({
    producerId: int64(),
    producerEpoch: int16(),
    transactionResult: bool(),
    topics: array({ name: string(), partitionIndexes: array(int32()) }),
    coordinatorEpoch: int32(),
    transactionVersion: int8('2+', { default: 0, ignorable: true }),
  }),
})
export type WriteTxnMarkersRequest = Infer<typeof WriteTxnMarkersRequest>

export const WriteTxnMarkersResponse = message('WriteTxnMarkersResponse', '0-2', '1+', {
  markers: array({
    producerId: int64(),
    topics: array({
      name: string(),
      partitions: array({ partitionIndex: int32(), errorCode: int16() }),
    }),
  }),
})
export type WriteTxnMarkersResponse = Infer<typeof WriteTxnMarkersResponse>

export const WriteTxnMarkers = api(27, 'WriteTxnMarkers', WriteTxnMarkersRequest, WriteTxnMarkersResponse)
