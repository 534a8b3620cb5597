import { MoldauError } from '../../core/base/errors.ts'

/** A schema as JSON has it. */
export type Schema = string | readonly Schema[] | SchemaObject

export interface SchemaObject {
  readonly type: Schema
  readonly name?: string
  readonly namespace?: string
  readonly doc?: string
  readonly logicalType?: string
  readonly fields?: readonly Field[]
  readonly symbols?: readonly string[]
  readonly items?: Schema
  readonly values?: Schema
}

export interface Field {
  readonly name: string
  readonly type: Schema
  readonly doc?: string
  readonly default?: unknown
}

/** A schema in which every name is a full one, and every definition stands in {@link Definitions.byName}. */
export type Resolved = string | readonly Resolved[] | ResolvedArray | ResolvedMap | ResolvedPrimitive

interface ResolvedArray {
  readonly kind: 'array'
  readonly items: Resolved
}

interface ResolvedMap {
  readonly kind: 'map'
  readonly values: Resolved
}

interface ResolvedPrimitive {
  readonly kind: 'primitive'
  readonly type: string
  readonly logicalType: string | undefined
}

export interface Definition {
  readonly fullName: string
  readonly kind: 'record' | 'enum' | 'fixed'
  /** As it was given. */
  readonly schema: SchemaObject
  /** Of a record. */
  readonly fields: readonly (Omit<Field, 'type'> & { readonly type: Resolved })[]
}

const primitives = new Set(['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'])
const kinds: Readonly<Record<string, Definition['kind']>> = { record: 'record', error: 'record', enum: 'enum', fixed: 'fixed' }

/** The named types of schemas that may mention each other, whatever the order in which they are added. */
export class Definitions {
  readonly byName: Map<string, Definition>
  readonly #mentioned: Set<string>

  constructor() {
    this.byName = new Map()
    this.#mentioned = new Set()
  }

  /** @throws INVALID_ARGUMENT naming what is no schema, or a type that is defined twice in two ways */
  add(schema: Schema, namespace = ''): Resolved {
    if (typeof schema === 'string') return primitives.has(schema) ? schema : this.#mention(qualified(schema, namespace))
    if (Array.isArray(schema)) return (schema as readonly Schema[]).map((branch) => this.add(branch, namespace))
    if (typeof schema !== 'object' || schema === null || !('type' in schema)) throw wrong(`${JSON.stringify(schema)} is no schema`)
    const { type, logicalType } = schema as SchemaObject
    if (typeof type !== 'string') return this.add(type, namespace)
    if (type === 'array') return { kind: 'array', items: this.add(part(schema as SchemaObject, 'items'), namespace) }
    if (type === 'map') return { kind: 'map', values: this.add(part(schema as SchemaObject, 'values'), namespace) }
    const kind = kinds[type]
    if (kind !== undefined) return this.#define(schema as SchemaObject, kind, namespace)
    return primitives.has(type) ? { kind: 'primitive', type, logicalType } : this.#mention(qualified(type, namespace))
  }

  /** @throws INVALID_ARGUMENT naming a type that nothing defines */
  check(): void {
    const unknown = [...this.#mentioned].find((name) => !this.byName.has(name))
    if (unknown === undefined) return
    throw wrong(`nothing defines the type '${unknown}'; give the file that does, too. There are: ${[...this.byName.keys()].join(', ')}`)
  }

  #mention(fullName: string): string {
    this.#mentioned.add(fullName)
    return fullName
  }

  #define(schema: SchemaObject, kind: Definition['kind'], outer: string): string {
    if (typeof schema.name !== 'string') throw wrong(`a ${kind} needs a name: ${JSON.stringify(schema).slice(0, 80)}`)
    const fullName = qualified(schema.name, schema.namespace ?? outer)
    const known = this.byName.get(fullName)
    if (known !== undefined) {
      if (JSON.stringify(known.schema) === JSON.stringify(schema)) return fullName
      throw wrong(`'${fullName}' is defined twice, in two ways`)
    }
    const fields: Definition['fields'][number][] = []
    this.byName.set(fullName, { fullName, kind, schema, fields })
    const inner = fullName.slice(0, Math.max(0, fullName.lastIndexOf('.')))
    if (kind === 'record' && !Array.isArray(schema.fields)) throw wrong(`the record '${fullName}' has no fields`)
    for (const field of schema.fields ?? []) fields.push({ ...field, type: this.add(field.type, inner) })
    return fullName
  }
}

function part(schema: SchemaObject, name: 'items' | 'values'): Schema {
  const found = schema[name]
  if (found === undefined) throw wrong(`an ${name === 'items' ? 'array' : 'map'} without '${name}'`)
  return found
}

function qualified(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

function wrong(what: string): MoldauError {
  return new MoldauError('INVALID_ARGUMENT', `types: ${what}`)
}
