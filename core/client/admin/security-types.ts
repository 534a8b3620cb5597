import type { Operation, PatternType, Permission, ResourceType } from '../../security/acl.ts'
import type { ScramMechanism } from '../../security/scram.ts'
import type { AdminOptions } from './calls.ts'

/** An access control entry in words. */
export interface Acl {
  resourceType: Exclude<ResourceType, 'any'>
  resourceName: string
  /** `literal` (default), or `prefixed` for all names that begin so. `*` as literal name stands for all names. */
  patternType?: Exclude<PatternType, 'any' | 'match'>
  /** `User:alice`, `User:*` */
  principal: string
  /** Default `*`, every host. */
  host?: string
  operation: Exclude<Operation, 'any'>
  /** Default `allow`. */
  permission?: Exclude<Permission, 'any'>
}

/** Which entries are meant; what is left out means all. */
export interface AclSelection {
  resourceType?: Exclude<ResourceType, 'any'>
  resourceName?: string
  /** `match` means every entry that has a say about the name. */
  patternType?: PatternType
  principal?: string
  host?: string
  operation?: Exclude<Operation, 'any'>
  permission?: Exclude<Permission, 'any'>
}

/** Somebody who logs in by SCRAM. */
export interface ScramUserDescription {
  user: string
  credentials: { mechanism: ScramMechanism; iterations: number }[]
}

/** Sets a password. */
export interface ScramUpsertion {
  user: string
  /** It does not leave this process: what is sent is its salted hash. */
  password: string
  mechanism: ScramMechanism
  /** From 4096 (default) to 16384. */
  iterations?: number
}

/** The user cannot log in by the mechanism any more; who is logged in stays so. */
export interface ScramDeletion {
  user: string
  mechanism: ScramMechanism
  delete: true
}

export type ScramAlteration = ScramUpsertion | ScramDeletion

export interface NewDelegationToken {
  /** Whom it stands for (KIP-373): `User:alice`; default whoever asks. */
  owner?: string
  /** Who may let it live longer besides the owner: `User:bob`. */
  renewers?: readonly string[]
  /** In milliseconds; default the broker's `delegation.token.max.lifetime.ms`. */
  maxLifetimeMs?: number
}

/** Logs in as its owner: by SCRAM, with the token id as the user and the HMAC in base64 as the password. */
export interface DelegationToken {
  tokenId: string
  hmac: Buffer
  owner: string
  /** Who asked for it; '' where the broker does not tell (before 3.3). */
  requester: string
  renewers: string[]
  issueTimestampMs: number
  expiryTimestampMs: number
  /** It cannot be made to live longer than until then. */
  maxTimestampMs: number
}

export interface RenewTokenOptions extends AdminOptions {
  /** From now, in milliseconds; default the broker's `delegation.token.expiry.time.ms`. */
  renewPeriodMs?: number
}

export interface ExpireTokenOptions extends AdminOptions {
  /** From now, in milliseconds; default: the token ends at once. */
  expiryPeriodMs?: number
}
