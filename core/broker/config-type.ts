import type { configTypes } from '../protocol/config-codes.ts'

/** The types of Kafka's settings. */
export type ConfigType = keyof typeof configTypes

export const LONG_MAX = '9223372036854775807'
const INT_MAX = 2 ** 31 - 1

/** One setting: its default is kept as text, as it travels in DescribeConfigs and CreateTopics. */
export interface ConfigKey<T extends ConfigType = ConfigType> {
  readonly type: T
  readonly default: string
  readonly doc: string
  /** Smallest and largest number allowed. */
  readonly min?: number
  readonly max?: number
  /** The values a string, or each entry of a list, may have. */
  readonly oneOf?: readonly string[]
  /** Kafka has no default for it: DescribeConfigs shows null. */
  readonly unset?: true
}

export type ConfigValue<T extends ConfigType> = T extends 'boolean'
  ? boolean
  : T extends 'string' | 'class' | 'password'
    ? string
    : T extends 'list'
      ? readonly string[]
      : number

interface Limits {
  min?: number
  max?: number
}

export const flag = (value: boolean, doc: string): ConfigKey<'boolean'> => ({ type: 'boolean', default: String(value), doc })
export const int = (value: number, doc: string, limits: Limits = {}): ConfigKey<'int'> => ({
  type: 'int',
  default: String(value),
  doc,
  ...limits,
})
export const long = (value: number | string, doc: string, limits: Limits = {}): ConfigKey<'long'> => ({
  type: 'long',
  default: String(value),
  doc,
  ...limits,
})
export const short = (value: number, doc: string, limits: Limits = {}): ConfigKey<'short'> => ({
  type: 'short',
  default: String(value),
  doc,
  ...limits,
})
export const double = (value: number, doc: string, limits: Limits = {}): ConfigKey<'double'> => ({
  type: 'double',
  default: String(value).replace('e+', 'E'),
  doc,
  ...limits,
})
export const text = (value: string, doc: string, oneOf?: readonly string[]): ConfigKey<'string'> => ({
  type: 'string',
  default: value,
  doc,
  ...(oneOf && { oneOf }),
})
export const list = (value: string, doc: string, oneOf?: readonly string[]): ConfigKey<'list'> => ({
  type: 'list',
  default: value,
  doc,
  ...(oneOf && { oneOf }),
})

/** The name of a class of the JVM, shown for tools that ask; nothing here loads one. */
export const className = (value: string, doc: string): ConfigKey<'class'> => ({ type: 'class', default: value, doc })
/** A text that is never shown: not in DescribeConfigs, not in errors, not in logs. */
export const password = (doc: string): ConfigKey<'password'> => ({ type: 'password', default: '', doc, unset: true })

/** The same setting without a default, as Kafka has it. */
export function unset<T extends ConfigType>(key: ConfigKey<T>): ConfigKey<T> {
  return { ...key, default: '', unset: true }
}

/** What DescribeConfigs shows as the default. */
export function defaultText(key: ConfigKey): string | null {
  return key.unset === true ? null : key.default
}

/** What is wrong with a value in text form, in a sentence; undefined when it is fine. */
export function configProblem(name: string, key: ConfigKey, value: string): string | undefined {
  switch (key.type) {
    case 'boolean':
      return /^(true|false)$/i.test(value.trim())
        ? undefined
        : `Invalid value ${value} for configuration ${name}: Expected value to be either true or false`
    case 'class':
    case 'password':
      return undefined
    case 'string':
      return key.oneOf === undefined || key.oneOf.includes(value) ? undefined : notOneOf(name, value, key.oneOf)
    case 'list': {
      const wrong = splitList(value).find((entry) => key.oneOf !== undefined && !key.oneOf.includes(entry))
      return wrong === undefined ? undefined : notOneOf(name, wrong, key.oneOf!)
    }
    default:
      return numberProblem(name, key, value)
  }
}

/** The value in the form a program uses. Numbers beyond 2^53 (Kafka's "for ever") become the largest safe integer. */
export function parseConfig<T extends ConfigType>(key: ConfigKey<T>, value: string): ConfigValue<T> {
  const parsed = ((): boolean | string | readonly string[] | number => {
    switch (key.type) {
      case 'boolean':
        return value.trim().toLowerCase() === 'true'
      case 'string':
      case 'class':
      case 'password':
        return value
      case 'list':
        return splitList(value)
      case 'double':
        return Number(value)
      default:
        return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)))
    }
  })()
  return parsed as ConfigValue<T>
}

function numberProblem(name: string, key: ConfigKey, value: string): string | undefined {
  const trimmed = value.trim()
  const legal = key.type === 'double' ? /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i : /^[-+]?\d+$/
  const number = Number(trimmed)
  const overflows =
    (key.type === 'int' && Math.abs(number) > INT_MAX) ||
    (key.type === 'short' && Math.abs(number) > 32767) ||
    (key.type === 'long' && Math.abs(number) > 2 ** 63)
  if (!legal.test(trimmed) || overflows)
    return `Invalid value ${value} for configuration ${name}: Not a number of type ${key.type.toUpperCase()}`
  if (key.min !== undefined && number < key.min)
    return `Invalid value ${value} for configuration ${name}: Value must be at least ${key.min}`
  if (key.max !== undefined && number > key.max)
    return `Invalid value ${value} for configuration ${name}: Value must be no more than ${key.max}`
  return undefined
}

function notOneOf(name: string, value: string, oneOf: readonly string[]): string {
  return `Invalid value ${value} for configuration ${name}: String must be one of: ${oneOf.join(', ')}`
}

/** The entries of a list in text form. */
export function splitList(value: string): readonly string[] {
  return value
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
}
