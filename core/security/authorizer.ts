import { plainAddress } from '../base/ip-address.ts'
import { WILDCARD, operations, patternTypes, permissions, resourceTypes, supportedOperations } from './acl.ts'
import type { AclBinding, Operation, ResourceType } from './acl.ts'
import { AclIndex } from './acl-index.ts'
import { EVERYBODY } from './principal.ts'
import type { Principal } from './principal.ts'

/** Who asks, from where. */
export interface Requester {
  readonly principal: Principal
  /** `127.0.0.1`, as ACLs name hosts. */
  readonly host: string
}

export interface AuthorizerOptions {
  acls: readonly AclBinding[]
  /** `super.users`: may do everything. */
  superUsers: readonly Principal[]
  /** `allow.everyone.if.no.acl.found` */
  allowIfNoAcl: boolean
  /** Told when somebody is refused what he asked for. */
  onDenied?: (who: Requester, operation: Operation, type: ResourceType, name: string) => void
}

/** What also allows an operation. Only what allows implies something: to deny reading does not deny describing. */
const impliedBy: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [operations.describe, new Set<number>([operations.describe, operations.read, operations.write, operations.delete, operations.alter])],
  [operations.describeConfigs, new Set<number>([operations.describeConfigs, operations.alterConfigs])],
])

/** A name that nobody has, for asking about rules that hold whatever the name. */
const HARDCODED_NAME = 'hardcode'

/** Decides as Kafka's StandardAuthorizer: one entry that denies outweighs all that allow, and where none has a say nobody may. */
export class Authorizer {
  readonly #superUsers: ReadonlySet<Principal>
  readonly #allowIfNoAcl: boolean
  readonly #onDenied: NonNullable<AuthorizerOptions['onDenied']>
  #index: AclIndex
  #version: number

  constructor(options: AuthorizerOptions) {
    this.#superUsers = new Set(options.superUsers)
    this.#allowIfNoAcl = options.allowIfNoAcl
    this.#onDenied = options.onDenied ?? (() => {})
    this.#index = new AclIndex(options.acls)
    this.#version = 0
  }

  /** Rises with every change: what was decided before is no longer to be relied on. */
  get version(): number {
    return this.#version
  }

  replace(acls: readonly AclBinding[]): void {
    this.#index = new AclIndex(acls)
    this.#version++
  }

  allows(who: Requester, operation: Operation, type: ResourceType, name: string): boolean {
    const allowed = this.#decide(who, operation, type, name)
    if (!allowed) this.#onDenied(who, operation, type, name)
    return allowed
  }

  #decide(who: Requester, operation: Operation, type: ResourceType, name: string): boolean {
    if (this.#superUsers.has(who.principal)) return true
    let found = false
    let allowed = false
    for (const acl of this.#index.matching(resourceTypes[type], name)) {
      found = true
      if (!concerns(acl, who)) continue
      if (acl.permissionType === permissions.deny) {
        if (isOf(acl, operation)) return false
      } else allowed ||= isOf(acl, operation) || (impliedBy.get(operations[operation])?.has(acl.operation) ?? false)
    }
    return allowed || (!found && this.#allowIfNoAcl)
  }

  /** Whether there is any thing of a kind for which the operation is allowed (Kafka's authorizeByResourceType, KIP-679). */
  allowsAny(who: Requester, operation: Operation, type: ResourceType): boolean {
    if (this.#decide(who, operation, type, HARDCODED_NAME)) return true
    const mine = this.#index.ofType(resourceTypes[type]).filter((acl) => concerns(acl, who) && isOf(acl, operation))
    const denied = mine.filter((acl) => acl.permissionType === permissions.deny)
    if (denied.some((acl) => acl.patternType === patternTypes.literal && acl.resourceName === WILDCARD)) return false
    return mine.some((acl) => acl.permissionType === permissions.allow && !denied.some((deny) => outweighs(deny, acl)))
  }

  /** Everything that may be done with a thing, as the bits of KIP-430. */
  operationBits(who: Requester, type: Exclude<ResourceType, 'any'>, name: string): number {
    let bits = 0
    for (const operation of supportedOperations[type]) if (this.#decide(who, operation, type, name)) bits |= 1 << operations[operation]
    return bits
  }
}

function concerns(acl: AclBinding, who: Requester): boolean {
  return (acl.principal === who.principal || acl.principal === EVERYBODY) && (acl.host === WILDCARD || isAt(acl.host, who.host))
}

/** Entries for addresses of IPv6 come in Java's form, `0:0:0:0:0:0:0:1`, as Kafka wants them, or in any other. */
function isAt(host: string, address: string): boolean {
  return host === address || (host.includes(':') && plainAddress(host) === address)
}

function isOf(acl: AclBinding, operation: Operation): boolean {
  return acl.operation === operations.all || acl.operation === operations[operation]
}

/** Whether nothing is left of what an entry allows. */
function outweighs(deny: AclBinding, allow: AclBinding): boolean {
  if (deny.patternType === patternTypes.prefixed) return allow.resourceName !== WILDCARD && allow.resourceName.startsWith(deny.resourceName)
  return allow.patternType === patternTypes.literal && allow.resourceName === deny.resourceName
}
