import type { Message } from './schema.ts'
import { includes } from './versions.ts'

/** A call: what is asked and what is answered, under one number. */
export interface Api<Req extends Message = Message, Res extends Message = Message> {
  readonly key: number
  readonly name: string
  readonly request: Req
  readonly response: Res
}

/** @param key Kafka's number of the call */
export function api<Req extends Message, Res extends Message>(key: number, name: string, request: Req, response: Res): Api<Req, Res> {
  return { key, name, request, response }
}

/** Whether a version of a call has compact lengths and tagged fields: in its bodies and (but for ApiVersions) its headers. */
export function isFlexible(call: Api, version: number): boolean {
  return includes(call.request.flexible, version)
}
