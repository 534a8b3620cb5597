import type { Message } from '../protocol/schema.ts'

/** The answer with nothing in it but an error, for responses that have a code of their own; undefined for the others. */
export function bodyWithError(response: Message, code: number, message: string): Record<string, unknown> | undefined {
  if (!response.fields.some((field) => field.name === 'errorCode')) return undefined
  const body: Record<string, unknown> = {}
  for (const field of response.fields) if (!field.optional) body[field.name] = field.default
  body['errorCode'] = code
  if (response.fields.some((field) => field.name === 'errorMessage')) body['errorMessage'] = message
  return body
}
