import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'))
}

/**
 * Why a request may not be answered; undefined when it may. With a token it must be shown. Without one whoever is on this machine may ask,
 * but no web page that happens to be open in a browser here: such a request has an Origin, or a Host that is a name of somebody else's.
 */
export function refusal(headers: IncomingHttpHeaders, token: string | undefined): { status: 401 | 403; error: string } | undefined {
  if (token !== undefined) {
    if (isSame(headers.authorization ?? '', `Bearer ${token}`)) return undefined
    return { status: 401, error: 'the token is missing or wrong: send it as "Authorization: Bearer TOKEN"' }
  }
  const host = (headers.host ?? '').replace(/:\d+$/, '')
  if (headers.origin === undefined && isLoopback(host)) return undefined
  return {
    status: 403,
    error: 'without a token only programs on this machine are answered, at 127.0.0.1, [::1] or localhost: start the control with a token',
  }
}

/** Takes the same time whatever is wrong. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
