import type { Handler, RequestContext } from '../handler.ts'

/**
 * What stands before a handler when there is access control: it looks at the request, lets the handler answer what the asker may have, and answers the
 * rest itself. Without access control no guard is ever called.
 */
// oxlint-disable-next-line typescript/no-explicit-any
export type Guard = (request: any, context: RequestContext, handler: Handler) => unknown
