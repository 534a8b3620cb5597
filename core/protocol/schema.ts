import { ZERO_UUID } from '../base/uuid.ts'
import { ALL_VERSIONS, NO_VERSIONS, parseVersions } from './versions.ts'
import type { Versions, VersionsText } from './versions.ts'

/**
 * The language in which messages are written down: a message is a table of fields, each made by a function named after its type.
 * The types of a decoded message and of what may be encoded are inferred from the table.
 */

export type Kind =
  | 'bool'
  | 'int8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'int64Exact'
  | 'float64'
  | 'string'
  | 'uuid'
  | 'bytes'
  | 'records'
  | 'array'
  | 'struct'

/** What is known of a field when the program runs. */
export interface FieldSchema {
  readonly kind: Kind
  readonly versions: Versions
  readonly nullable: Versions
  /** Versions in which the field stands in the tagged trailer of its struct. */
  readonly tagged: Versions
  readonly tag: number
  /** The value outside the versions. `undefined` means a struct whose fields all have their defaults. */
  readonly default: unknown
  readonly ignorable: boolean
  /** May be left out of what is encoded. */
  readonly optional: boolean
  readonly element: FieldSchema | undefined
  readonly fields: readonly NamedField[]
}

export interface NamedField extends FieldSchema {
  readonly name: string
}

/** A field with what the compiler knows of it. `~types` never exists. */
export interface Field<Out = unknown, In = unknown, Optional extends boolean = boolean> extends FieldSchema {
  readonly '~types'?: { out: Out; in: In; optional: Optional }
}

export type Shape = Readonly<Record<string, Field>>

export interface FieldOptions<T> {
  /** Versions in which null is allowed; `true` for all versions of the field. */
  readonly nullable?: true | VersionsText
  /** The value when the field is absent; the zero of its type when not given. */
  readonly default?: T | null
  /** A value that the version cannot carry is dropped; otherwise it is an error. */
  readonly ignorable?: true
  /** Number in the tagged trailer. */
  readonly tag?: number
  /** Versions in which the field is tagged; all of its versions when only `tag` is given. */
  readonly tagged?: VersionsText
}

/** `kind()`, `kind('3+')`, `kind({ ... })` or `kind('3+', { ... })`; without versions a field is in every version of what surrounds it. */
type Args<T> = readonly [] | readonly [VersionsText | FieldOptions<T>] | readonly [VersionsText, FieldOptions<T>]

type OptionsOf<A extends readonly unknown[]> = A extends readonly [unknown, infer O] ? O : A extends readonly [infer O] ? O : unknown
type OrNull<A extends readonly unknown[]> = OptionsOf<A> extends { nullable: unknown } ? null : never
type IsPartial<A extends readonly unknown[]> = A extends readonly [infer V, ...unknown[]]
  ? V extends string
    ? V extends '0+'
      ? false
      : true
    : false
  : false
type IsOptional<A extends readonly unknown[]> = OptionsOf<A> extends { default: unknown } | { tag: number } ? true : IsPartial<A>
type Made<Out, In, A extends readonly unknown[]> = Field<Out | OrNull<A>, In | OrNull<A>, IsOptional<A>>

type FieldOut<F> = F extends Field<infer Out, infer _In, infer _Optional> ? Out : never
type FieldIn<F> = F extends Field<infer _Out, infer In, infer _Optional> ? In : never
type OptionalKeys<S extends Shape> = { [K in keyof S]: S[K] extends Field<unknown, unknown, true> ? K : never }[keyof S]

export type ShapeOut<S extends Shape> = { -readonly [K in keyof S]: FieldOut<S[K]> }
export type ShapeIn<S extends Shape> = Flat<
  { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: FieldIn<S[K]> } & { readonly [K in OptionalKeys<S>]?: FieldIn<S[K]> | undefined }
>
type Flat<T> = { [K in keyof T]: T[K] }

function make(kind: Kind, zero: unknown, args: Args<never>, element?: FieldSchema, fields: readonly NamedField[] = []): FieldSchema {
  const text = typeof args[0] === 'string' ? args[0] : undefined
  const options = (typeof args[0] === 'object' ? args[0] : args[1]) ?? {}
  const versions = text === undefined ? ALL_VERSIONS : parseVersions(text)
  const tagged = options.tag === undefined ? NO_VERSIONS : options.tagged === undefined ? versions : parseVersions(options.tagged)
  const nullable = options.nullable === undefined ? NO_VERSIONS : options.nullable === true ? versions : parseVersions(options.nullable)
  const optional = (text !== undefined && text !== '0+') || options.default !== undefined || options.tag !== undefined
  return {
    kind,
    versions,
    nullable,
    tagged,
    tag: options.tag ?? -1,
    default: options.default === undefined ? zero : options.default,
    ignorable: options.ignorable ?? false,
    optional,
    element,
    fields,
  }
}

export const bool = <const A extends Args<boolean>>(...args: A): Made<boolean, boolean, A> => make('bool', false, args as Args<never>)
export const int8 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('int8', 0, args as Args<never>)
export const int16 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('int16', 0, args as Args<never>)
export const uint16 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('uint16', 0, args as Args<never>)
export const int32 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('int32', 0, args as Args<never>)
export const uint32 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('uint32', 0, args as Args<never>)
/** 64 bits as a number: beyond 2^53 it throws, in both directions. */
export const int64 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('int64', 0, args as Args<never>)
/** 64 bits as a bigint, for the few fields that use all of them. */
export const int64Exact = <const A extends Args<bigint>>(...args: A): Made<bigint, bigint, A> => make('int64Exact', 0n, args as Args<never>)
export const float64 = <const A extends Args<number>>(...args: A): Made<number, number, A> => make('float64', 0, args as Args<never>)
export const string = <const A extends Args<string>>(...args: A): Made<string, string, A> => make('string', '', args as Args<never>)
export const uuid = <const A extends Args<string>>(...args: A): Made<string, string, A> => make('uuid', ZERO_UUID, args as Args<never>)
/** Bytes, decoded as a slice of the frame. */
export const bytes = <const A extends Args<Buffer>>(...args: A): Made<Buffer, Buffer, A> => make('bytes', EMPTY, args as Args<never>)
/** Record batches, decoded as a slice of the frame; encoded from one buffer or from a list of slices, none of which is copied. */
export const records = <const A extends Args<Buffer>>(...args: A): Made<Buffer, Buffer | readonly Buffer[], A> =>
  make('records', null, args as Args<never>)

/** A list of one type: `array(int32())`, or of structs: `array({ name: string() })`. */
export function array<const E extends Field | Shape, const A extends Args<never>>(
  element: E,
  ...args: A
): Made<ElementOut<E>[], readonly ElementIn<E>[], A> {
  const schema = isField(element) ? element : make('struct', undefined, [], undefined, named(element))
  return make('array', ZERO_ARRAY, args, schema)
}

type ElementOut<E> = E extends Field ? FieldOut<E> : E extends Shape ? ShapeOut<E> : never
type ElementIn<E> = E extends Field ? FieldIn<E> : E extends Shape ? ShapeIn<E> : never

export function struct<const S extends Shape, const A extends Args<never>>(shape: S, ...args: A): Made<ShapeOut<S>, ShapeIn<S>, A> {
  return make('struct', undefined, args, undefined, named(shape))
}

const EMPTY: Buffer = Buffer.alloc(0)
const ZERO_ARRAY: readonly never[] = Object.freeze([])

function isField(element: Field | Shape): element is Field {
  return typeof element['kind'] === 'string'
}

function named(shape: Shape): readonly NamedField[] {
  return Object.entries(shape).map(([name, field]) => ({ ...field, name }))
}

/** A message in all its versions. */
export interface Message<Out = unknown, In = unknown> {
  readonly name: string
  readonly versions: Versions
  readonly flexible: Versions
  readonly fields: readonly NamedField[]
  readonly '~types'?: { out: Out; in: In }
}

/** What decoding gives: every field, those that the version lacks with their defaults. */
export type Infer<M> = M extends Message<infer Out, infer _In> ? Out : never
/** What encoding takes: fields with a default, tagged ones, and those that are not in every version may be left out. */
export type Input<M> = M extends Message<infer _Out, infer In> ? In : never

/**
 * Declares a message.
 *
 * @param name Kafka's name of it, used in errors and in the generated code
 * @param versions all versions that can be read and written
 * @param flexible the versions with compact lengths and tagged trailers (KIP-482)
 * @example
 * ```ts
 * export const HeartbeatRequest = message('HeartbeatRequest', '0-4', '4+', { groupId: string(), generationId: int32(), ... })
 * export type HeartbeatRequest = Infer<typeof HeartbeatRequest>
 * ```
 */
export function message<const S extends Shape>(
  name: string,
  versions: VersionsText,
  flexible: VersionsText | 'none',
  shape: S,
): Message<ShapeOut<S>, ShapeIn<S>> {
  return { name, versions: parseVersions(versions), flexible: parseVersions(flexible), fields: named(shape) }
}
