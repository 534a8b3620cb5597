import { type ErrorCode, errorCodes, MoldauError } from '../../core/base/errors.ts'

/** An error on its way between threads: `postMessage` would lose its class, and with it the code. */
export interface PackedError {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly retriable: boolean
  /** Own fields that can be copied: `code`, `kafkaCode`, `operator`, `origin` … */
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause: PackedError | undefined
}

/** How many causes of causes are taken along. */
const CAUSES_MAX = 8

/** Fields with places of their own. */
const apart = new Set(['name', 'message', 'stack', 'cause', 'retriable'])

export function packError(error: unknown, causes = CAUSES_MAX): PackedError {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), stack: undefined, retriable: false, fields: {}, cause: undefined }
  const { name, message, stack } = error
  const own = Object.entries(error).filter(([field, value]) => !apart.has(field) && isCopied(value))
  return {
    name,
    message,
    stack,
    retriable: error instanceof MoldauError && error.retriable,
    fields: Object.fromEntries(own),
    cause: error.cause === undefined || causes === 0 ? undefined : packError(error.cause, causes - 1),
  }
}

/** The same error in this thread: one of ours is a {@link MoldauError} again, any other an Error of its name. */
export function unpackError({ name, message, stack, retriable, fields, cause }: PackedError): Error {
  const options = cause === undefined ? {} : { cause: unpackError(cause) }
  const { code } = fields
  const isOurs = typeof code === 'string' && code in errorCodes
  const error = isOurs ? new MoldauError(code as ErrorCode, message, { ...options, retriable }) : new Error(message, options)
  if (stack !== undefined) error.stack = stack
  return Object.assign(error, fields, { name })
}

function isCopied(value: unknown): boolean {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}
