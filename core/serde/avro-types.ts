/**
 * The TypeScript type of the values that an Avro schema describes, worked out from the schema literal.
 *
 * Names are looked up among all definitions of the schema, so a type may mention itself. Unions follow avsc's `wrapUnions: 'auto'`:
 * the bare value where JavaScript can tell the branches apart (`['null', 'string']` is `string | null`), else `{ branch: value }`
 * (`['int', 'long']` is `{ int: number } | { long: number }`). Logical types stay the raw number, string or Buffer.
 */

/** What counts as a schema: a name, a union, or a definition. Its inside is checked when the serde is made. */
export type AvroSchema = string | readonly unknown[] | { readonly type: unknown }

/** What reading yields: every field is there. */
export type FromAvro<S> = Value<S, Definitions<S, ''>, '', 'read'>

/** What writing takes: a field with a default may be left out. */
export type ToAvro<S> = Value<S, Definitions<S, ''>, '', 'write'>

/** Shown in place of a value where the schema has been widened to `string` (an imported JSON file). */
export interface AvroUntyped {
  readonly 'avro: this schema is not a literal, so name the type of its values: avro<T>(schema)': never
}

/** Shown in place of a value where the schema mentions a name that it does not define. */
export interface AvroUnknownName<Name> {
  readonly 'avro: unknown type name': Name
}

type Mode = 'read' | 'write'

interface Primitives {
  null: null
  boolean: boolean
  int: number
  long: number
  float: number
  double: number
  bytes: Buffer
  string: string
}

interface Definition {
  fullName: string
  schema: unknown
}

/** `any` would be taken apart without end. */
type IsAny<S> = 0 extends 1 & S ? true : false

type Value<S, D, Ns extends string, M extends Mode> = IsAny<S> extends true ? AvroUntyped : KnownValue<S, D, Ns, M>

type KnownValue<S, D, Ns extends string, M extends Mode> = S extends string
  ? string extends S
    ? AvroUntyped
    : S extends keyof Primitives
      ? Primitives[S]
      : Reference<Lookup<S, D, Ns>, S, D, M>
  : S extends readonly unknown[]
    ? UnionValue<S, D, Ns, M>
    : S extends { readonly type: infer T }
      ? T extends 'record' | 'error'
        ? S extends { readonly fields: readonly (infer F)[] }
          ? RecordValue<F, D, Inside<S, Ns>, M>
          : never
        : T extends 'enum'
          ? S extends { readonly symbols: readonly (infer Symbol)[] }
            ? Symbol
            : never
          : T extends 'fixed'
            ? Buffer
            : T extends 'array'
              ? S extends { readonly items: infer Items }
                ? ArrayValue<Value<Items, D, Ns, M>, M>
                : never
              : T extends 'map'
                ? S extends { readonly values: infer Values }
                  ? { [key: string]: Value<Values, D, Ns, M> }
                  : never
                : Value<T, D, Ns, M>
      : AvroUntyped

type ArrayValue<V, M extends Mode> = M extends 'read' ? V[] : readonly V[]

type RecordValue<F, D, Ns extends string, M extends Mode> = M extends 'read' ? RequiredFields<F, D, Ns, M> : WriteFields<F, D, Ns>

type RequiredFields<F, D, Ns extends string, M extends Mode> = {
  [K in F as FieldName<K>]: K extends { readonly type: infer T } ? Value<T, D, Ns, M> : never
}

type WriteFields<F, D, Ns extends string> = Flat<
  RequiredFields<Exclude<F, { readonly default: unknown }>, D, Ns, 'write'> &
    Partial<RequiredFields<Extract<F, { readonly default: unknown }>, D, Ns, 'write'>>
>

type Flat<T> = { [K in keyof T]: T[K] }

type FieldName<F> = F extends { readonly name: infer N extends string } ? N : never

// Names and namespaces.

type QualifiedName<Name extends string, Ns extends string> = Name extends `${string}.${string}`
  ? Name
  : Ns extends ''
    ? Name
    : `${Ns}.${Name}`

type Namespace<S, Ns extends string> = S extends { readonly namespace: infer Own extends string } ? Own : Ns

type Prefix<Name extends string> = Name extends `${infer Head}.${infer Rest}`
  ? Rest extends `${string}.${string}`
    ? `${Head}.${Prefix<Rest>}`
    : Head
  : ''

type FullName<S, Ns extends string> = S extends { readonly name: infer Name extends string } ? QualifiedName<Name, Namespace<S, Ns>> : never

/** The namespace that holds for the names inside a definition. */
type Inside<S, Ns extends string> = Prefix<FullName<S, Ns>>

type Definitions<S, Ns extends string> = IsAny<S> extends true ? never : KnownDefinitions<S, Ns>

type KnownDefinitions<S, Ns extends string> = S extends readonly (infer Branch)[]
  ? Definitions<Branch, Ns>
  : S extends { readonly type: infer T }
    ? T extends 'record' | 'error'
      ?
          | { fullName: FullName<S, Ns>; schema: S }
          | (S extends { readonly fields: readonly (infer F)[] } ? FieldDefinitions<F, Inside<S, Ns>> : never)
      : T extends 'enum' | 'fixed'
        ? { fullName: FullName<S, Ns>; schema: S }
        : T extends 'array'
          ? S extends { readonly items: infer Items }
            ? Definitions<Items, Ns>
            : never
          : T extends 'map'
            ? S extends { readonly values: infer Values }
              ? Definitions<Values, Ns>
              : never
            : never
    : never

type FieldDefinitions<F, Ns extends string> = F extends { readonly type: infer T } ? Definitions<T, Ns> : never

type Lookup<Name extends string, D, Ns extends string> = Extract<D, { fullName: QualifiedName<Name, Ns> }>

/** A definition is read with its full name, whatever the namespace of the place that mentions it. */
type Reference<Found, Name, D, M extends Mode> = [Found] extends [never]
  ? AvroUnknownName<Name>
  : Found extends Definition
    ? Value<Found['schema'], D, Prefix<Found['fullName']>, M>
    : never

// Unions.

type UnionValue<S extends readonly unknown[], D, Ns extends string, M extends Mode> =
  Ambiguous<S, D, Ns> extends true ? Wrapped<S[number], D, Ns, M> : Value<S[number], D, Ns, M>

type Wrapped<Branch, D, Ns extends string, M extends Mode> = Branch extends 'null'
  ? null
  : { [K in BranchName<Branch, Ns>]: Value<Branch, D, Ns, M> }

type BranchName<S, Ns extends string> = S extends keyof Primitives
  ? S
  : S extends string
    ? QualifiedName<S, Ns>
    : S extends { readonly name: string }
      ? FullName<S, Ns>
      : S extends { readonly type: infer T extends string }
        ? T
        : never

/** True when two branches look the same to JavaScript. */
type Ambiguous<S, D, Ns extends string, Seen = never> = S extends readonly [infer First, ...infer Rest]
  ? Kind<First, D, Ns> extends Seen
    ? true
    : Ambiguous<Rest, D, Ns, Seen | Kind<First, D, Ns>>
  : false

interface Kinds {
  null: 'null'
  boolean: 'boolean'
  int: 'number'
  long: 'number'
  float: 'number'
  double: 'number'
  bytes: 'buffer'
  fixed: 'buffer'
  string: 'string'
  enum: 'string'
  array: 'array'
  map: 'object'
  record: 'object'
  error: 'object'
}

type Kind<S, D, Ns extends string> = S extends keyof Kinds
  ? Kinds[S]
  : S extends string
    ? Lookup<S, D, Ns> extends infer Found extends Definition
      ? KindOfDefinition<Found['schema']>
      : 'unknown'
    : KindOfDefinition<S>

type KindOfDefinition<S> = S extends { readonly type: infer T extends keyof Kinds } ? Kinds[T] : 'unknown'
