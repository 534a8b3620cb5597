import { api } from '../api.ts'
import { array, int16, int32, message, string, uuid } from '../schema.ts'
import type { Infer } from '../schema.ts'

/** Deletes topics; from version 6 on by name or by id. */

export const DeleteTopicsRequest = message('DeleteTopicsRequest', '0-6', '4+', {
  topics: array({ name: string({ nullable: true, default: null }), topicId: uuid() }, '6+'),
  topicNames: array(string(), '0-5', { ignorable: true }),
  timeoutMs: int32(),
})
export type DeleteTopicsRequest = Infer<typeof DeleteTopicsRequest>

export const DeleteTopicsResponse = message('DeleteTopicsResponse', '0-6', '4+', {
  throttleTimeMs: int32('1+', { ignorable: true }),
  responses: array({
    name: string({ nullable: '6+' }),
    topicId: uuid('6+', { ignorable: true }),
    errorCode: int16(),
    errorMessage: string('5+', { nullable: true, default: null, ignorable: true }),
  }),
})
export type DeleteTopicsResponse = Infer<typeof DeleteTopicsResponse>

export const DeleteTopics = api(20, 'DeleteTopics', DeleteTopicsRequest, DeleteTopicsResponse)
