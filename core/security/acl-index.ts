import { WILDCARD, patternTypes } from './acl.ts'
import type { AclBinding } from './acl.ts'

/** Entries of one kind of resource, found by the name of the resource: one look-up for the name, one for each length that a prefix has. */
class TypeIndex {
  readonly #literal: Map<string, AclBinding[]>
  readonly #prefixed: Map<string, AclBinding[]>
  readonly #prefixLengths: number[]

  constructor(acls: readonly AclBinding[]) {
    this.#literal = group(acls.filter((acl) => acl.patternType === patternTypes.literal))
    this.#prefixed = group(acls.filter((acl) => acl.patternType === patternTypes.prefixed))
    this.#prefixLengths = [...new Set(Array.from(this.#prefixed.keys(), (prefix) => prefix.length))]
  }

  *matching(name: string): Iterable<AclBinding> {
    yield* this.#literal.get(name) ?? []
    if (name !== WILDCARD) yield* this.#literal.get(WILDCARD) ?? []
    for (const length of this.#prefixLengths) if (length <= name.length) yield* this.#prefixed.get(name.slice(0, length)) ?? []
  }
}

function group(acls: readonly AclBinding[]): Map<string, AclBinding[]> {
  return Map.groupBy(acls, (acl) => acl.resourceName)
}

/** All entries, found by kind and name of a resource. */
export class AclIndex {
  readonly #types: Map<number, TypeIndex>
  readonly #byType: Map<number, AclBinding[]>

  constructor(acls: readonly AclBinding[]) {
    this.#byType = Map.groupBy(acls, (acl) => acl.resourceType)
    this.#types = new Map(Array.from(this.#byType, ([type, each]) => [type, new TypeIndex(each)]))
  }

  /** Every entry that has a say about a thing: its own, those of a prefix of its name, and those for all names. */
  matching(resourceType: number, name: string): Iterable<AclBinding> {
    return this.#types.get(resourceType)?.matching(name) ?? []
  }

  ofType(resourceType: number): readonly AclBinding[] {
    return this.#byType.get(resourceType) ?? []
  }
}
