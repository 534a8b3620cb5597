import { api } from '../api.ts'
import { array, bool, int16, int32, int8, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Creates topics. */

export const CreateTopicsRequest = message('CreateTopicsRequest', '0-7', '5+', {
  topics: array({
    name: string(),
    numPartitions: int32(),
    replicationFactor: int16(),
    assignments: array({ partitionIndex: int32(), brokerIds: array(int32()) }),
    configs: array({ name: string(), value: string({ nullable: true }) }),
  }),
  timeoutMs: int32({ default: 60000 }),
  validateOnly: bool('1+', { default: false }),
})
export type CreateTopicsRequest = Infer<typeof CreateTopicsRequest>

export const CreateTopicsResponse = message('CreateTopicsResponse', '0-7', '5+', {
  throttleTimeMs: int32('2+', { ignorable: true }),
  topics: array({
    name: string(),
    topicId: uuid('7+', { ignorable: true }),
    errorCode: int16(),
    errorMessage: string('1+', { nullable: true, ignorable: true }),
    topicConfigErrorCode: int16('5+', { ignorable: true, tag: 0 }),
    numPartitions: int32('5+', { default: -1, ignorable: true }),
    replicationFactor: int16('5+', { default: -1, ignorable: true }),
    configs: array(
      {
        name: string(),
        value: string({ nullable: true }),
        readOnly: bool(),
        configSource: int8({ default: -1, ignorable: true }),
        isSensitive: bool(),
      },
      '5+',
      { nullable: true, ignorable: true },
    ),
  }),
})
export type CreateTopicsResponse = Infer<typeof CreateTopicsResponse>

export const CreateTopics = api(19, 'CreateTopics', CreateTopicsRequest, CreateTopicsResponse)
