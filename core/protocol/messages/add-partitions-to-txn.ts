import { api } from '../api.ts'
import { array, bool, int16, int32, int64, message, string } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Makes partitions part of a transaction; from version 4 on brokers ask for several transactions at once (KIP-890). */

const addPartitionsToTxnTopic = {
  name: string(),
  partitions: array(int32()),
}

export const AddPartitionsToTxnRequest = message('AddPartitionsToTxnRequest', '0-5', '3+', {
  transactions: array(
    {
      transactionalId: string(),
      producerId: int64(),
      producerEpoch: int16(),
      verifyOnly: bool({ default: false }),
      topics: array(addPartitionsToTxnTopic),
    },
    '4+',
  ),
  v3AndBelowTransactionalId: string('0-3'),
  v3AndBelowProducerId: int64('0-3'),
  v3AndBelowProducerEpoch: int16('0-3'),
  v3AndBelowTopics: array(addPartitionsToTxnTopic, '0-3'),
})
export type AddPartitionsToTxnRequest = Infer<typeof AddPartitionsToTxnRequest>

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32(),
  partitionErrorCode: int16(),
}

const addPartitionsToTxnTopicResult = {
  name: string(),
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
}

export const AddPartitionsToTxnResponse = message('AddPartitionsToTxnResponse', '0-5', '3+', {
  throttleTimeMs: int32(),
  errorCode: int16('4+', { ignorable: true }),
  resultsByTransaction: array({ transactionalId: string(), topicResults: array(addPartitionsToTxnTopicResult) }, '4+'),
  resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult, '0-3'),
})
export type AddPartitionsToTxnResponse = Infer<typeof AddPartitionsToTxnResponse>

export const AddPartitionsToTxn = api(24, 'AddPartitionsToTxn', AddPartitionsToTxnRequest, AddPartitionsToTxnResponse)
