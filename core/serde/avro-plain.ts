import type { Type } from 'avsc'

/** What avsc's types keep about their parts and the objects that they make. */
interface Parts {
  fields?: readonly { type: Type }[]
  types?: readonly Type[]
  itemsType?: Type
  valuesType?: Type
  recordConstructor?: { prototype: object }
  _branchConstructor?: { prototype: object } | null
}

/**
 * Lets a type make plain objects: avsc builds records and union branches with constructors of their own, whose values are not deeply
 * equal to a literal.
 */
export function makePlain(type: Type, seen: Set<Type> = new Set()): void {
  if (seen.has(type)) return
  seen.add(type)
  const parts = type as unknown as Parts
  if (parts.recordConstructor !== undefined) parts.recordConstructor.prototype = Object.prototype
  if (parts.types !== undefined) {
    for (const branch of parts.types) {
      const { _branchConstructor: constructor } = branch as unknown as Parts
      if (constructor !== undefined && constructor !== null) constructor.prototype = Object.prototype
      makePlain(branch, seen)
    }
  }
  for (const field of parts.fields ?? []) makePlain(field.type, seen)
  if (parts.itemsType !== undefined) makePlain(parts.itemsType, seen)
  if (parts.valuesType !== undefined) makePlain(parts.valuesType, seen)
}
