import { MoldauError } from '../../base/errors.ts'
import type { ServedApi } from '../../broker/services.ts'
import { apiByKey } from '../../protocol/apis.ts'
import { kafkaErrors } from '../../protocol/errors.ts'
import type { Rules } from './rules.ts'

/** What is asked, without HTTP. */
export interface Asked {
  readonly method: string
  readonly path: string
  /** Parsed; undefined when there is none. */
  readonly body: unknown
}

export interface Answered {
  readonly status: number
  readonly body: unknown
}

export const help = [
  'GET    /apis                 the calls that can be bent, with their versions',
  'GET    /errors               the errors of the protocol',
  'GET    /rules                all rules, with their hits',
  'POST   /rules                adds {"api", "action": "error"|"delay"|"hold"|"drop"|"drop-after", "error"?, "message"?, "delayMs"?, "versions"?, "clientId"?, "topic"?, "times"?, "probability"?, "seed"?}',
  'GET    /rules/ID             one of them',
  'DELETE /rules/ID             takes it out; what it holds goes on',
  'DELETE /rules                takes all of them out',
  'POST   /rules/ID/release     lets held requests go on: all, or {"count": N} of them',
]

/** Answers one request of the control. @throws MoldauError INVALID_ARGUMENT */
export function route({ method, path, body }: Asked, rules: Rules, served: readonly ServedApi[]): Answered {
  const [first = '', second, third, ...more] = path.split('/').slice(1)
  const id = second === undefined || !/^\d{1,15}$/.test(second) ? undefined : Number(second)
  const what =
    more.length > 0
      ? ''
      : second === undefined
        ? `${method} ${first}`
        : third === undefined
          ? `${method} ${first}/ID`
          : `${method} ${first}/ID/${third}`
  switch (what) {
    case 'GET ':
      return ok(help)
    case 'GET apis':
      return ok(served.map(({ apiKey, minVersion, maxVersion }) => ({ api: apiByKey(apiKey)!.name, key: apiKey, minVersion, maxVersion })))
    case 'GET errors':
      return ok(kafkaErrors.filter(({ code }) => code !== 0).map(({ name, code, retriable }) => ({ error: name, code, retriable })))
    case 'GET rules':
      return ok(rules.list())
    case 'POST rules':
      return { status: 201, body: rules.add(body) }
    case 'DELETE rules':
      return ok({ removed: rules.clear() })
    case 'GET rules/ID':
      return found(id === undefined ? undefined : rules.get(id), second!)
    case 'DELETE rules/ID':
      return found(id === undefined ? undefined : rules.remove(id), second!)
    case 'POST rules/ID/release': {
      const released = id === undefined ? undefined : rules.release(id, countOf(body))
      return found(released === undefined ? undefined : { released }, second!)
    }
    default:
      return { status: 404, body: { error: `there is no ${method} ${path}`, help } }
  }
}

const ok = (body: unknown): Answered => ({ status: 200, body })

function found(body: object | undefined, id: string): Answered {
  return body === undefined ? { status: 404, body: { error: `there is no rule '${id}': GET /rules lists them` } } : ok(body)
}

function countOf(body: unknown): number | undefined {
  if (body === undefined) return undefined
  const { count } = (body ?? {}) as { count?: unknown }
  if (count === undefined || (typeof count === 'number' && Number.isSafeInteger(count) && count >= 1)) return count
  throw new MoldauError(
    'INVALID_ARGUMENT',
    `count must be a whole number of at least 1, not ${JSON.stringify(count)}: leave it out to release all`,
  )
}
