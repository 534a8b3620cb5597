import { throwOnError } from '../../protocol/errors.ts'
import { CreateDelegationToken } from '../../protocol/messages/create-delegation-token.ts'
import { DescribeDelegationToken } from '../../protocol/messages/describe-delegation-token.ts'
import { ExpireDelegationToken } from '../../protocol/messages/expire-delegation-token.ts'
import { RenewDelegationToken } from '../../protocol/messages/renew-delegation-token.ts'
import { check } from '../checks.ts'
import type { AdminOptions } from './calls.ts'
import type { DelegationToken, ExpireTokenOptions, NewDelegationToken, RenewTokenOptions } from './security-types.ts'
import { SecurityAdmin } from './security.ts'
import * as specs from './specs.ts'

/** The broker's own period, and, for expiring, at once. */
const DEFAULT_PERIOD = -1
/** The version of CreateDelegationToken that knows owners other than who asks. */
const OWNERS_SINCE = 3

/** Tokens that log in in place of somebody. Asked for on connections with SASL or client certificates only. Our own broker has none. */
export class TokenAdmin extends SecurityAdmin {
  /**
   * A new token (Kafka's `Admin.createDelegationToken`, KIP-48).
   *
   * @throws KafkaError DELEGATION_TOKEN_AUTH_DISABLED, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, INVALID_PRINCIPAL_TYPE ...
   */
  async createDelegationToken(token: NewDelegationToken = {}, options: AdminOptions = {}): Promise<DelegationToken> {
    check('admin.createDelegationToken()', 'token', token, specs.newToken)
    const what = 'create a delegation token'
    const { owner, renewers = [], maxLifetimeMs = DEFAULT_PERIOD } = token
    return this.calls.controller(what, options, async (connection) => {
      const own = owner === undefined ? undefined : principalOf(owner)
      const names = { ownerPrincipalType: own?.principalType ?? null, ownerPrincipalName: own?.principalName ?? null }
      const answer = await connection.request(CreateDelegationToken, {
        renewers: renewers.map(principalOf),
        maxLifetimeMs,
        // An older version that is asked for somebody else does not take the question.
        ...((own !== undefined || connection.version(CreateDelegationToken) >= OWNERS_SINCE) && names),
      })
      throwOnError(answer.errorCode, what)
      const { tokenId, hmac, issueTimestampMs, expiryTimestampMs, maxTimestampMs } = answer
      const requester = nameOf({ principalType: answer.tokenRequesterPrincipalType, principalName: answer.tokenRequesterPrincipalName })
      return {
        tokenId,
        hmac,
        owner: nameOf(answer),
        requester,
        renewers: [...renewers],
        issueTimestampMs,
        expiryTimestampMs,
        maxTimestampMs,
      }
    })
  }

  /**
   * Lets a token live longer (Kafka's `Admin.renewDelegationToken`, KIP-48), and answers until when.
   *
   * @throws KafkaError DELEGATION_TOKEN_NOT_FOUND, DELEGATION_TOKEN_EXPIRED, DELEGATION_TOKEN_OWNER_MISMATCH
   */
  async renewDelegationToken(hmac: Buffer, options: RenewTokenOptions = {}): Promise<number> {
    check('admin.renewDelegationToken()', 'hmac', hmac, specs.hmac)
    const { renewPeriodMs = DEFAULT_PERIOD } = options
    return this.calls.controller('renew a delegation token', options, async (connection) => {
      const { errorCode, expiryTimestampMs } = await connection.request(RenewDelegationToken, { hmac, renewPeriodMs })
      throwOnError(errorCode, 'renew a delegation token')
      return expiryTimestampMs
    })
  }

  /**
   * Ends a token, at once or after a time (Kafka's `Admin.expireDelegationToken`, KIP-48), and answers when.
   *
   * @throws KafkaError DELEGATION_TOKEN_NOT_FOUND, DELEGATION_TOKEN_EXPIRED, DELEGATION_TOKEN_OWNER_MISMATCH
   */
  async expireDelegationToken(hmac: Buffer, options: ExpireTokenOptions = {}): Promise<number> {
    check('admin.expireDelegationToken()', 'hmac', hmac, specs.hmac)
    const { expiryPeriodMs = DEFAULT_PERIOD } = options
    return this.calls.controller('expire a delegation token', options, async (connection) => {
      const { errorCode, expiryTimestampMs } = await connection.request(ExpireDelegationToken, { hmac, expiryTimePeriodMs: expiryPeriodMs })
      throwOnError(errorCode, 'expire a delegation token')
      return expiryTimestampMs
    })
  }

  /**
   * The tokens that we may see (Kafka's `Admin.describeDelegationToken`, KIP-48).
   *
   * @param owners `User:alice`; default all
   */
  async describeDelegationToken(owners?: readonly string[], options: AdminOptions = {}): Promise<DelegationToken[]> {
    if (owners !== undefined) check('admin.describeDelegationToken()', 'owners', owners, specs.texts)
    const what = 'describe delegation tokens'
    return this.calls.any(what, options, async (connection) => {
      const { errorCode, tokens } = await connection.request(DescribeDelegationToken, { owners: owners?.map(principalOf) ?? null })
      throwOnError(errorCode, what)
      return tokens.map((token) => ({
        tokenId: token.tokenId,
        hmac: token.hmac,
        owner: nameOf(token),
        requester: nameOf({ principalType: token.tokenRequesterPrincipalType, principalName: token.tokenRequesterPrincipalName }),
        renewers: token.renewers.map(nameOf),
        issueTimestampMs: token.issueTimestamp,
        expiryTimestampMs: token.expiryTimestamp,
        maxTimestampMs: token.maxTimestamp,
      }))
    })
  }
}

interface Principal {
  readonly principalType: string
  readonly principalName: string
}

/** `User:alice`; a name without a type is a user's. */
function principalOf(text: string): Principal {
  const at = text.indexOf(':')
  return at < 0 ? { principalType: 'User', principalName: text } : { principalType: text.slice(0, at), principalName: text.slice(at + 1) }
}

function nameOf({ principalType, principalName }: Principal): string {
  return principalType === '' ? '' : `${principalType}:${principalName}`
}
