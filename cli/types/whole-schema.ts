import type { Definition, Definitions, Resolved } from './definitions.ts'

/** The schema with all that it mentions, each definition where it is mentioned first, under full names: it can stand alone. */
export function wholeSchema(schema: Resolved, definitions: Definitions): unknown {
  const written = new Set<string>()
  const whole = (part: Resolved): unknown => {
    if (typeof part === 'string') {
      const found = definitions.byName.get(part)
      if (found === undefined || written.has(part)) return part
      written.add(part)
      return definition(found)
    }
    if (!('kind' in part)) return part.map(whole)
    if (part.kind === 'array') return { type: 'array', items: whole(part.items) }
    if (part.kind === 'map') return { type: 'map', values: whole(part.values) }
    return { type: part.type, ...(part.logicalType !== undefined && { logicalType: part.logicalType }) }
  }
  const definition = ({ fullName, schema: given, kind, fields }: Definition): unknown => {
    const { namespace: _namespace, ...rest } = given
    if (kind !== 'record') return { ...rest, name: fullName }
    return { ...rest, name: fullName, fields: fields.map((field) => ({ ...field, type: whole(field.type) })) }
  }
  return whole(schema)
}
