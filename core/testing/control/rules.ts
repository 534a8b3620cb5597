import { MoldauError } from '../../base/errors.ts'
import type { Broker } from '../../broker/broker.ts'
import type { Interceptor } from '../../broker/intercept/intercepted-call.ts'
import type { Interception } from '../../broker/intercept/interception.ts'
import type { Api } from '../../protocol/api.ts'
import { Gate } from '../gate.ts'
import { readRule, type Rule } from './rule.ts'

/** Rules at the same time; those that have done what they should count until they are deleted. */
export const RULES_MAX = 1000

/** A rule as it is told: what it was made of, and what it has done. */
export interface RuleReport {
  readonly id: number
  readonly api: readonly string[]
  readonly action: string
  readonly hits: number
  /** Requests that wait for a release. */
  readonly held: number
  /** False when it has done what `times` says. */
  readonly active: boolean
  readonly [field: string]: unknown
}

interface Installed {
  readonly id: number
  readonly rule: Rule
  readonly gate: Gate
  readonly interception: Interception
}

/** The rules of a broker: each an interceptor. */
export class Rules {
  readonly #broker: Broker
  readonly #served: readonly Api[]
  readonly #random: () => number
  readonly #installed: Map<number, Installed>
  #lastId: number

  constructor(broker: Broker, served: readonly Api[], random: () => number) {
    this.#broker = broker
    this.#served = served
    this.#random = random
    this.#installed = new Map()
    this.#lastId = 0
  }

  /** @throws MoldauError INVALID_ARGUMENT */
  add(json: unknown): RuleReport {
    if (this.#installed.size >= RULES_MAX)
      throw new MoldauError('INVALID_ARGUMENT', `there are ${RULES_MAX} rules, which is the limit: DELETE some`)
    const rule = readRule(json, this.#served, this.#random)
    const gate = new Gate()
    const interception = this.#broker.intercept(rule.apis, interceptorOf(rule, gate), rule.options)
    const installed = { id: ++this.#lastId, rule, gate, interception }
    this.#installed.set(installed.id, installed)
    return report(installed)
  }

  list(): RuleReport[] {
    return Array.from(this.#installed.values(), report)
  }

  get(id: number): RuleReport | undefined {
    const found = this.#installed.get(id)
    return found && report(found)
  }

  /** Lets held requests go on, those that have waited longest first; tells how many. Undefined: there is no such rule. */
  release(id: number, count?: number): number | undefined {
    return this.#installed.get(id)?.gate.release(count)
  }

  /** Takes a rule out and lets go what it holds; tells what it was. */
  remove(id: number): RuleReport | undefined {
    const found = this.#installed.get(id)
    if (found === undefined) return undefined
    this.#installed.delete(id)
    found.interception.remove()
    found.gate.open()
    return report(found)
  }

  clear(): number {
    const ids = [...this.#installed.keys()]
    for (const id of ids) this.remove(id)
    return ids.length
  }
}

function interceptorOf({ action, error, message, delayMs }: Rule, gate: Gate): Interceptor {
  switch (action) {
    case 'error':
      return (call) => call.error(error!, message)
    case 'delay':
      return (call) => call.delay(delayMs)
    case 'hold':
      return () => gate.pass()
    case 'drop':
      return (call) => call.drop()
    case 'drop-after':
      return async (call) => {
        await call.next()
        return call.drop()
      }
  }
}

function report({ id, rule, gate, interception }: Installed): RuleReport {
  const { apis, action, error, message, delayMs, options } = rule
  return {
    id,
    api: apis.map(({ name }) => name),
    action,
    ...(error !== undefined && { error }),
    ...(message !== undefined && { message }),
    ...(action === 'delay' && { delayMs }),
    ...options,
    hits: interception.hits,
    held: gate.waiting,
    active: interception.active,
  }
}
