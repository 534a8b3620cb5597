import { MoldauError } from '../../base/errors.ts'
import type { InterceptOptions } from '../../broker/intercept/interception.ts'
import type { Api } from '../../protocol/api.ts'
import { errorName, kafkaErrors, type KafkaErrorName } from '../../protocol/errors.ts'
import { parseVersions, type VersionsText } from '../../protocol/versions.ts'

export const actions = ['error', 'delay', 'hold', 'drop', 'drop-after'] as const
export type Action = (typeof actions)[number]

/** What a rule says, checked. */
export interface Rule {
  readonly apis: readonly Api[]
  readonly action: Action
  readonly error: KafkaErrorName | undefined
  readonly message: string | undefined
  readonly delayMs: number
  readonly options: InterceptOptions
}

/** The longest delay: a day, in milliseconds. */
const DELAY_MS_MAX = 86_400_000
const SEEDS = 0x7fff_ffff

const fields = ['api', 'action', 'error', 'message', 'delayMs', 'versions', 'clientId', 'topic', 'times', 'probability', 'seed']

/**
 * Reads a rule as it came in JSON. `served`: what the broker answers. A probability without a seed gets one, so that the run can be had again.
 * @throws MoldauError INVALID_ARGUMENT naming the field and the remedy
 */
export function readRule(json: unknown, served: readonly Api[], random: () => number): Rule {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new MoldauError('INVALID_ARGUMENT', `a rule is an object such as {"api": "Produce", "action": "drop"}, not ${shown(json)}`)
  }
  const rule = json as Readonly<Record<string, unknown>>
  for (const name of Object.keys(rule))
    if (!fields.includes(name)) throw wrong(name, rule, `is no field of a rule: there are ${fields.join(', ')}`)
  const action = actionOf(rule)
  return {
    apis: apisOf(rule, served),
    action,
    error: errorOf(rule, action),
    message: action === 'error' ? text(rule, 'message') : foreign(rule, 'message', action, 'error'),
    delayMs: delayOf(rule, action),
    options: optionsOf(rule, random),
  }
}

type Fields = Readonly<Record<string, unknown>>

function actionOf(rule: Fields): Action {
  const action = actions.find((one) => one === rule['action'])
  if (action === undefined) throw wrong('action', rule, `must be one of ${actions.join(', ')}`)
  return action
}

function apisOf(rule: Fields, served: readonly Api[]): readonly Api[] {
  const { api } = rule
  if (api === '*') return served
  const names: readonly unknown[] = Array.isArray(api) ? api : [api]
  const found = names.map((name) => served.find((one) => one.name === name))
  if (found.length === 0 || found.includes(undefined)) {
    throw wrong('api', rule, 'must be the name of a call such as "Produce", a list of names, or "*": GET /apis lists them')
  }
  return [...new Set(found as Api[])]
}

function errorOf(rule: Fields, action: Action): KafkaErrorName | undefined {
  if (action !== 'error') return foreign(rule, 'error', action, 'error')
  const { error } = rule
  const found = kafkaErrors.find(({ name, code }) => code !== 0 && (name === error || code === error))
  if (found === undefined)
    throw wrong('error', rule, 'must be the name or number of an error such as "NOT_LEADER_OR_FOLLOWER": GET /errors lists them')
  return errorName(found.code)
}

function delayOf(rule: Fields, action: Action): number {
  if (action !== 'delay') return foreign(rule, 'delayMs', action, 'delay') ?? 0
  return number(rule, 'delayMs', 0, DELAY_MS_MAX, true) ?? missing('delayMs', 'how long, in milliseconds')
}

function optionsOf(rule: Fields, random: () => number): InterceptOptions {
  const clientId = text(rule, 'clientId')
  const topic = text(rule, 'topic')
  const versions = versionsOf(rule)
  const times = number(rule, 'times', 1, Number.MAX_SAFE_INTEGER, true)
  const probability = number(rule, 'probability', 0, 1, false)
  const seed = number(rule, 'seed', -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, true)
  return {
    ...(clientId !== undefined && { clientId }),
    ...(topic !== undefined && { topic }),
    ...(versions !== undefined && { versions }),
    ...(times !== undefined && { times }),
    ...(probability !== undefined && { probability, seed: seed ?? Math.floor(random() * SEEDS) }),
  }
}

function versionsOf(rule: Fields): VersionsText | undefined {
  const versions = text(rule, 'versions') as VersionsText | undefined
  try {
    if (versions !== undefined) parseVersions(versions)
    return versions
  } catch {
    throw wrong('versions', rule, 'must be written as "3", "0-8" or "9+"')
  }
}

function text(rule: Fields, name: string): string | undefined {
  const value = rule[name]
  if (value !== undefined && typeof value !== 'string') throw wrong(name, rule, 'must be a text')
  return value
}

function number(rule: Fields, name: string, min: number, max: number, whole: boolean): number | undefined {
  const value = rule[name]
  if (value === undefined) return undefined
  const fits = typeof value === 'number' && value >= min && value <= max && (!whole || Number.isSafeInteger(value))
  const range = max === Number.MAX_SAFE_INTEGER ? (min > 0 ? ` of at least ${min}` : '') : ` from ${min} to ${max}`
  if (!fits) throw wrong(name, rule, `must be a ${whole ? 'whole ' : ''}number${range}`)
  return value as number
}

/** A field of another action would be silently of no effect. */
function foreign(rule: Fields, name: string, action: Action, owner: Action): undefined {
  if (rule[name] !== undefined) throw wrong(name, rule, `goes with "action": "${owner}", not with "${action}": leave it out`)
}

function missing(name: string, what: string): never {
  throw new MoldauError('INVALID_ARGUMENT', `${name} is missing: say ${what}`)
}

function wrong(name: string, rule: Fields, problem: string): MoldauError {
  const value = rule[name]
  return new MoldauError(
    'INVALID_ARGUMENT',
    value === undefined ? `${name} is missing: it ${problem}` : `${name} ${problem}; it is ${shown(value)}`,
  )
}

function shown(value: unknown): string {
  const json = String(JSON.stringify(value))
  return json.length > 100 ? `${json.slice(0, 100)}…` : json
}
