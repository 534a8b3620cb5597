import { avro } from '../../core/serde/index.ts'
import { type Definition, Definitions, type Resolved, type Schema } from './definitions.ts'
import { pascal, TypeNames } from './type-names.ts'
import { wholeSchema } from './whole-schema.ts'

/** A file of schemas. */
export interface SchemaFile {
  /** Without folder and extension: names what has no name of its own. */
  readonly name: string
  readonly schema: Schema
}

type Mode = 'read' | 'write'

/**
 * TypeScript for Avro schemas: of each named type what reading gives and what writing takes (`…Input`: fields with a default may be left
 * out), and a serde for each schema. A file whose JSON is an array of definitions has several schemas.
 *
 * @throws INVALID_ARGUMENT naming the type that is wrong, unknown, or defined twice
 */
export function generateTypes(files: readonly SchemaFile[]): string {
  const definitions = new Definitions()
  const names = new TypeNames()
  const schemas = files.flatMap(({ name, schema }) => schemasOf(schema).map((each) => ({ name, schema: definitions.add(each) })))
  definitions.check()
  for (const fullName of definitions.byName.keys()) names.of(fullName)
  const writer = new Writer(definitions, names)
  const serdes = [...new Map(schemas.map((each) => [JSON.stringify(each.schema), each])).values()]
  const parts = [
    "/** Made by `moldau types`. Do not edit: change the schema and make it again. */\nimport { avro } from 'moldau/core'",
    ...Array.from(definitions.byName.values(), (definition) => writer.definition(definition)),
    ...serdes.map(({ name, schema }) => writer.serde(name, schema)),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Several where all are definitions of their own; else the one that it is, a union too. */
function schemasOf(schema: Schema): readonly Schema[] {
  const isDefinition = (each: unknown): boolean => typeof each === 'object' && each !== null && 'name' in each
  return Array.isArray(schema) && schema.every(isDefinition) ? (schema as readonly Schema[]) : [schema]
}

class Writer {
  readonly #definitions: Definitions
  readonly #names: TypeNames

  constructor(definitions: Definitions, names: TypeNames) {
    this.#definitions = definitions
    this.#names = names
  }

  definition({ fullName, kind, schema, fields }: Definition): string {
    const name = this.#names.of(fullName)
    const doc = comment(schema.doc, '')
    if (kind === 'enum') return `${doc}export type ${name} = ${(schema.symbols ?? []).map(quoted).join(' | ')}`
    if (kind === 'fixed') return `${doc}export type ${name} = Buffer`
    const lines = (mode: Mode): string =>
      fields
        .map((field) => {
          const optional = mode === 'write' && field.default !== undefined ? '?' : ''
          return `${comment(field.doc ?? logicalTypeOf(field.type), '  ')}  ${field.name}${optional}: ${this.#type(field.type, mode)}\n`
        })
        .join('')
    return `${doc}export interface ${name} {\n${lines('read')}}\n\n/** What writing a {@link ${name}} takes. */\nexport interface ${name}Input {\n${lines('write')}}`
  }

  /** The serde of a schema, checked. */
  serde(file: string, schema: Resolved): string {
    const whole = wholeSchema(schema, this.#definitions)
    avro(whole as object)
    const isNamed = typeof schema === 'string' && this.#definitions.byName.has(schema)
    const name = isNamed ? this.#names.of(schema) : this.#names.of(`(file).${pascal(file)}`)
    const types = isNamed
      ? ''
      : `export type ${name} = ${this.#type(schema, 'read')}\n\n/** What writing a {@link ${name}} takes. */\nexport type ${name}Input = ${this.#type(schema, 'write')}\n\n`
    const input = isNamed && this.#definitions.byName.get(schema)!.kind !== 'record' ? name : `${name}Input`
    const serde = `${name[0]!.toLowerCase()}${name.slice(1)}Serde`
    return `${types}export const ${serde} = avro<${name}, ${input}>(${JSON.stringify(whole, null, 2)})`
  }

  #type(schema: Resolved, mode: Mode): string {
    if (typeof schema === 'string') {
      const found = this.#definitions.byName.get(schema)
      if (found === undefined) return primitive(schema)
      return this.#names.of(schema) + (mode === 'write' && found.kind === 'record' ? 'Input' : '')
    }
    if (!('kind' in schema)) return this.#union(schema, mode)
    if (schema.kind === 'primitive') return primitive(schema.type)
    if (schema.kind === 'map') return `{ [key: string]: ${this.#type(schema.values, mode)} }`
    const items = this.#type(schema.items, mode)
    return `${mode === 'write' ? 'readonly ' : ''}${/[ |]/.test(items) ? `(${items})` : items}[]`
  }

  /** Bare where JavaScript can tell the branches apart, else under the name of the branch: avsc's `wrapUnions: 'auto'`. */
  #union(branches: readonly Resolved[], mode: Mode): string {
    const kinds = branches.map((branch) => this.#kind(branch))
    const ambiguous = new Set(kinds).size < kinds.length
    return branches
      .map((branch) => {
        const type = this.#type(branch, mode)
        return ambiguous && branch !== 'null' ? `{ ${quoted(branchName(branch))}: ${type} }` : type
      })
      .join(' | ')
  }

  #kind(schema: Resolved): string {
    if (typeof schema !== 'string')
      return !('kind' in schema) || schema.kind === 'map' ? 'object' : schema.kind === 'array' ? 'array' : primitive(schema.type)
    const found = this.#definitions.byName.get(schema)
    if (found === undefined) return primitive(schema)
    return { record: 'object', enum: 'string', fixed: 'Buffer' }[found.kind]
  }
}

function branchName(schema: Resolved): string {
  if (typeof schema === 'string') return schema
  if (!('kind' in schema)) return 'union'
  return schema.kind === 'primitive' ? schema.type : schema.kind
}

function primitive(type: string): string {
  if (type === 'bytes') return 'Buffer'
  return type === 'null' || type === 'boolean' || type === 'string' ? type : 'number'
}

function logicalTypeOf(schema: Resolved): string | undefined {
  return typeof schema === 'object' && 'kind' in schema && schema.kind === 'primitive' ? schema.logicalType : undefined
}

function comment(text: string | undefined, indent: string): string {
  return text === undefined ? '' : `${indent}/** ${text.replaceAll('*/', '*\\/').replaceAll(/\s*\n\s*/g, ' ')} */\n`
}

function quoted(text: string): string {
  return `'${text}'`
}
