import type { FieldSchema, Message, NamedField } from '../../core/protocol/schema.ts'
import { LAST_VERSION, NO_VERSIONS, parseVersions } from '../../core/protocol/versions.ts'
import type { Versions, VersionsText } from '../../core/protocol/versions.ts'

/** Kafka's own descriptions of messages (JSON with comments), and both theirs and ours brought into one form that can be compared. */

export interface FieldSpec {
  readonly name: string
  readonly type: string
  readonly versions?: VersionsText
  readonly nullableVersions?: VersionsText
  readonly taggedVersions?: VersionsText
  readonly tag?: number
  readonly default?: string | number | boolean
  readonly ignorable?: boolean | string
  readonly fields?: readonly FieldSpec[]
}

export interface MessageSpec {
  readonly apiKey?: number
  readonly type: string
  readonly name: string
  readonly validVersions: VersionsText
  readonly flexibleVersions: VersionsText | 'none'
  readonly fields: readonly FieldSpec[]
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly FieldSpec[] }[]
}

export function parseSpec(text: string): MessageSpec {
  const lines = text.split('\n').filter((line) => !line.trimStart().startsWith('//'))
  return JSON.parse(lines.join('\n')) as MessageSpec
}

export function overlap(a: Versions, b: Versions): Versions {
  const both = { first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) }
  return both.last < both.first ? NO_VERSIONS : both
}

/** One line for each field that exists in some of the versions: its path, and all that is laid down about it in them. */
export function linesOfSpec(spec: MessageSpec, within: Versions): string[] {
  const structs = new Map((spec.commonStructs ?? []).map((struct) => [struct.name, struct.fields]))
  const walk = (fields: readonly FieldSpec[], path: string, around: Versions): string[] =>
    fields.flatMap((field) => {
      const tagged = versionsOf(field.taggedVersions)
      const present = overlap(field.versions === undefined ? tagged : parseVersions(field.versions), around)
      if (present === NO_VERSIONS) return []
      const base = field.type.replace(/^\[\]/, '')
      const inner = field.fields ?? structs.get(base)
      const isList = field.type.startsWith('[]')
      const type = `${isList ? '[]' : ''}${inner === undefined ? base : 'struct'}`
      const nullable = overlap(versionsOf(field.nullableVersions), present)
      const line = describe(path + camel(field.name), type, present, nullable, overlap(tagged, present), field.tag ?? -1, {
        default: specDefault(field, type),
        ignorable: same(present, around) || String(field.ignorable ?? false) === 'true',
      })
      return [line, ...walk(inner ?? [], `${path}${camel(field.name)}.`, present)]
    })
  return walk(spec.fields, '', within)
}

export function linesOfMessage(message: Message, within: Versions): string[] {
  const walk = (fields: readonly NamedField[], path: string, around: Versions): string[] =>
    fields.flatMap((field) => {
      const present = overlap(field.versions, around)
      if (present === NO_VERSIONS) return []
      const type = field.kind === 'array' ? `[]${typeName(field.element!)}` : typeName(field)
      const tag = overlap(field.tagged, present) === NO_VERSIONS ? -1 : field.tag
      const line = describe(path + field.name, type, present, overlap(field.nullable, present), overlap(field.tagged, present), tag, {
        default: ourDefault(field),
        ignorable: same(present, around) || field.ignorable,
      })
      return [line, ...walk(field.element?.fields ?? field.fields, `${path}${field.name}.`, present)]
    })
  return walk(message.fields, '', within)
}

function describe(
  path: string,
  type: string,
  present: Versions,
  nullable: Versions,
  tagged: Versions,
  tag: number,
  rest: { default: string; ignorable: boolean },
): string {
  const range = (versions: Versions): string =>
    versions === NO_VERSIONS ? 'none' : `${versions.first}-${versions.last === LAST_VERSION ? 'all' : versions.last}`
  return `${path}: ${type} in ${range(present)}, nullable ${range(nullable)}, tagged ${range(tagged)} as ${tag}, default ${rest.default}, ignorable ${rest.ignorable}`
}

/** A field that no version of its surroundings lacks is never left out: whether it could be ignored then says nothing. */
function same(a: Versions, b: Versions): boolean {
  return a.first === b.first && a.last === b.last
}

function versionsOf(text: VersionsText | undefined): Versions {
  return text === undefined ? NO_VERSIONS : parseVersions(text)
}

function camel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1)
}

function typeName(field: FieldSchema): string {
  return field.kind === 'int64Exact' ? 'int64' : field.kind
}

/** Kafka leaves out a default that is the zero of its type; records are null then. */
function specDefault(field: FieldSpec, type: string): string {
  const text = field.default === undefined ? '' : String(field.default)
  if (text === 'null' || (type === 'records' && text === '')) return 'null'
  if (type.startsWith('[]') || type === 'bytes' || type === 'struct' || type === 'uuid') return 'empty'
  if (type === 'string') return JSON.stringify(text)
  if (type === 'bool') return text === '' ? 'false' : text.toLowerCase()
  return text === '' ? '0' : BigInt(text).toString()
}

function ourDefault(field: FieldSchema): string {
  if (field.default === null) return 'null'
  if (['array', 'bytes', 'struct', 'uuid'].includes(field.kind)) return 'empty'
  if (field.kind === 'string') return JSON.stringify(field.default)
  return String(field.default as number | bigint | boolean)
}
