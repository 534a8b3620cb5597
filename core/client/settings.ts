import { MoldauError } from '../base/errors.ts'
import { shown } from './checks.ts'

/** What an option may be. */
export interface Kind<T, Given = T> {
  /** For messages: `a whole number from 0 to 10`. */
  readonly what: string
  /** Not shown in messages: a password. */
  readonly isSecret?: boolean
  /**
   * The value, also from text as it stands in a properties file; undefined when it is none.
   *
   * @param name of the option, for errors of what is inside of the value
   */
  read(value: unknown, name?: string): T | undefined
  /** What the types let pass, where that is more than what comes out. Of types only: no value has it. */
  readonly given?: Given
}

/** One option of a client, producer or consumer. */
export interface Setting<T, Default extends T | undefined, KafkaName extends string | null, Given = T> {
  /** Kafka's dotted name; null for an option that is ours alone. */
  readonly kafka: KafkaName
  readonly kind: Kind<T, Given>
  readonly default: Default
}

/** Options by their camelCase names. What a person writes and what the code reads are derived from it: nothing is said twice. */
export type Settings = Readonly<Record<string, Setting<unknown, unknown, string | null>>>

type KindOf<K> = K extends { read(value: unknown, name?: string): infer T } ? Exclude<T, undefined> : never
type GivenTo<K> = K extends { readonly given?: infer Given } ? Exclude<Given, undefined> : never
type ValueOf<S> = S extends { kind: infer K } ? KindOf<K> : never
type GivenOf<S> = S extends { kind: infer K } ? GivenTo<K> : never
type DefaultOf<S> = S extends { default: infer Default } ? Default : never
type NameOf<S> = S extends { kafka: infer Name extends string } ? Name : never

/** What may be given: camelCase names, or Kafka's dotted ones. */
export type Options<S> = { -readonly [K in keyof S]?: GivenOf<S[K]> | undefined } & {
  [K in keyof S as NameOf<S[K]>]?: GivenOf<S[K]> | undefined
}

/** What is read: everything has a value, the default where nothing was given. */
export type ReadOptions<S> = { [K in keyof S]: ValueOf<S[K]> | DefaultOf<S[K]> }

/** An option that Kafka's clients have too, under `kafka`. */
export function setting<const KafkaName extends string, T, Given>(
  kafka: KafkaName,
  kind: Kind<T, Given>,
): Setting<T, undefined, KafkaName, Given>
export function setting<const KafkaName extends string, T, Given>(
  kafka: KafkaName,
  kind: Kind<T, Given>,
  value: NoInfer<T>,
): Setting<T, T, KafkaName, Given>
export function setting<T, Given>(kafka: string, kind: Kind<T, Given>, value?: T): Setting<T, T | undefined, string, Given> {
  return { kafka, kind, default: value }
}

/** An option that Kafka's clients do not have. */
export function ownSetting<T, Given>(kind: Kind<T, Given>): Setting<T, undefined, null, Given>
export function ownSetting<T, Given>(kind: Kind<T, Given>, value: NoInfer<T>): Setting<T, T, null, Given>
export function ownSetting<T, Given>(kind: Kind<T, Given>, value?: T): Setting<T, T | undefined, null, Given> {
  return { kafka: null, kind, default: value }
}

/**
 * Brings options into one spelling and fills in the defaults.
 *
 * @param who names the thing that is configured in messages: `producer`
 * @param hint what to do about a name that is none, as the end of a sentence
 * @throws MoldauError INVALID_CONFIG naming the option: with what helps, or with what it may be
 */
export function readOptions<const S extends Settings>(
  who: string,
  given: object,
  settings: S,
  hint: (spelling: string) => string,
): ReadOptions<S> {
  const read: Record<string, unknown> = {}
  const givenAs = new Map<string, string>()
  for (const [spelling, value] of Object.entries(given)) {
    if (value === undefined) continue
    const name = nameOf(spelling, settings)
    const found = Object.hasOwn(settings, name) ? settings[name] : undefined
    if (found === undefined) throw new MoldauError('INVALID_CONFIG', `${who}: there is no option '${spelling}'${hint(spelling)}`)
    const other = givenAs.get(name)
    if (other !== undefined)
      throw new MoldauError('INVALID_CONFIG', `${who}: '${other}' and '${spelling}' are the same option: leave one of them out`)
    givenAs.set(name, spelling)
    const understood = found.kind.read(value, `${who}: ${spelling}`)
    if (understood === undefined) {
      const instead = found.kind.isSecret === true ? typeof value : shown(value)
      throw new MoldauError('INVALID_CONFIG', `${who}: ${spelling} must be ${found.kind.what}, not ${instead}`)
    }
    read[name] = understood
  }
  for (const [name, { default: value }] of Object.entries(settings)) if (value !== undefined) read[name] ??= value
  return read as ReadOptions<S>
}

/** How an option was spelled where it was given; undefined where it was not. */
export function spellingOf<S extends Settings>(given: object, settings: S, name: keyof S & string): string | undefined {
  const values = given as Readonly<Record<string, unknown>>
  return [name, settings[name]!.kafka].find((spelling) => spelling !== null && values[spelling] !== undefined) ?? undefined
}

function nameOf(spelling: string, settings: Settings): string {
  if (!spelling.includes('.')) return spelling
  for (const [name, { kafka }] of Object.entries(settings)) if (kafka === spelling) return name
  return spelling
}
