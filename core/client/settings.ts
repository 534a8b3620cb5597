import { MoldauError } from '../base/errors.ts'
import { suggestionOf } from './suggestion.ts'

/** What an option may be. */
export interface Kind<T> {
  /** For messages: `a whole number of at least 0`. */
  readonly what: string
  /** The value, also from text as it stands in a properties file; undefined when it is none. */
  read(value: unknown): T | undefined
}

/** One option of a client, producer or consumer. */
export interface Setting<T, Default extends T | undefined, KafkaName extends string | null> {
  /** Kafka's dotted name; null for an option that is ours alone. */
  readonly kafka: KafkaName
  readonly kind: Kind<T>
  readonly default: Default
}

/** Options by their camelCase names. What a person writes and what the code reads are derived from it: nothing is said twice. */
type Settings = Readonly<Record<string, Setting<unknown, unknown, string | null>>>

type KindOf<K> = K extends Kind<infer T> ? T : never
type ValueOf<S> = S extends Setting<infer T, infer _Default, infer _Name> ? T : never
type DefaultOf<S> = S extends { default: infer Default } ? Default : never
type NameOf<S> = S extends { kafka: infer Name extends string } ? Name : never

/** What may be given: camelCase names, or Kafka's dotted ones. */
export type Options<S> = { -readonly [K in keyof S]?: ValueOf<S[K]> | undefined } & {
  [K in keyof S as NameOf<S[K]>]?: ValueOf<S[K]> | undefined
}

/** What is read: everything has a value, the default where nothing was given. */
export type ReadOptions<S> = { [K in keyof S]: ValueOf<S[K]> | DefaultOf<S[K]> }

/** An option that Kafka's clients have too, under `kafka`. */
export function setting<const KafkaName extends string, T>(kafka: KafkaName, kind: Kind<T>): Setting<T, undefined, KafkaName>
export function setting<const KafkaName extends string, K extends Kind<unknown>>(
  kafka: KafkaName,
  kind: K,
  value: KindOf<K>,
): Setting<KindOf<K>, KindOf<K>, KafkaName>
export function setting<T>(kafka: string, kind: Kind<T>, value?: T): Setting<T, T | undefined, string> {
  return { kafka, kind, default: value }
}

/** An option that Kafka's clients do not have. */
export function ownSetting<T>(kind: Kind<T>): Setting<T, undefined, null>
export function ownSetting<K extends Kind<unknown>>(kind: K, value: KindOf<K>): Setting<KindOf<K>, KindOf<K>, null>
export function ownSetting<T>(kind: Kind<T>, value?: T): Setting<T, T | undefined, null> {
  return { kafka: null, kind, default: value }
}

/**
 * Brings options into one spelling and fills in the defaults.
 *
 * @param who names the thing that is configured in messages: `producer`
 * @throws MoldauError INVALID_CONFIG naming the option: with the nearest that exists, or with what it may be
 */
export function readOptions<const S extends Settings>(who: string, given: object, settings: S): ReadOptions<S> {
  const read: Record<string, unknown> = {}
  const givenAs = new Map<string, string>()
  for (const [spelling, value] of Object.entries(given)) {
    if (value === undefined) continue
    const name = nameOf(spelling, settings)
    const found = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (found === undefined)
      throw new MoldauError('INVALID_CONFIG', `${who}: there is no option '${spelling}'${suggestion(spelling, settings)}`)
    const other = givenAs.get(name)
    if (other !== undefined)
      throw new MoldauError('INVALID_CONFIG', `${who}: '${other}' and '${spelling}' are the same option: leave one of them out`)
    givenAs.set(name, spelling)
    const understood = found.kind.read(value)
    if (understood === undefined)
      throw new MoldauError('INVALID_CONFIG', `${who}: ${spelling} must be ${found.kind.what}, not ${shown(value)}`)
    read[name] = understood
  }
  for (const [name, { default: value }] of Object.entries(settings)) if (value !== undefined) read[name] ??= value
  return read as ReadOptions<S>
}

function nameOf(spelling: string, settings: Settings): string {
  if (!spelling.includes('.')) return spelling
  for (const [name, { kafka }] of Object.entries(settings)) if (kafka === spelling) return name
  return spelling
}

function suggestion(spelling: string, settings: Settings): string {
  const names = Object.entries(settings).flatMap(([name, { kafka }]) => (spelling.includes('.') ? (kafka ?? []) : name))
  return suggestionOf(spelling, names)
}

function shown(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  return typeof value === 'string' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value)
}
