import { throwOnError } from '../../protocol/errors.ts'
import { AlterUserScramCredentials } from '../../protocol/messages/alter-user-scram-credentials.ts'
import { CreateAcls } from '../../protocol/messages/create-acls.ts'
import { DeleteAcls } from '../../protocol/messages/delete-acls.ts'
import { DescribeAcls } from '../../protocol/messages/describe-acls.ts'
import { DescribeUserScramCredentials } from '../../protocol/messages/describe-user-scram-credentials.ts'
import type { DescribeUserScramCredentialsResponse } from '../../protocol/messages/describe-user-scram-credentials.ts'
import { scramMechanismOf } from '../../security/scram.ts'
import { aclCodes, aclInWords, aclName, filterOf, selectionName } from './acls.ts'
import { check } from '../checks.ts'
import type { AdminOptions } from './calls.ts'
import { rounds } from '../rounds.ts'
import { alterationName, checkPasswords, scramChange } from './scram-change.ts'
import type { Acl, AclSelection, ScramAlteration, ScramUserDescription } from './security-types.ts'
import type { Answer } from './settle.ts'
import { TransactionAdmin } from './transactions.ts'
import * as specs from './specs.ts'

/** Who may do what, and who can log in. */
export class SecurityAdmin extends TransactionAdmin {
  /**
   * Adds access control entries (Kafka's `Admin.createAcls`, KIP-140); those that are there already are no error.
   *
   * @throws AdminError by entry (`User:alice allow read topic orders`): SECURITY_DISABLED, INVALID_REQUEST ...
   */
  async createAcls(acls: readonly Acl[], options: AdminOptions = {}): Promise<void> {
    await this.calls.onController<Acl, void>({
      what: 'create the entry',
      items: acls,
      each: specs.acl,
      nameOf: aclName,
      ...options,
      ask: async (connection, asked) => {
        const { results } = await connection.request(CreateAcls, { creations: asked.map(aclCodes) })
        return asked.map((acl, i) => ({ ...results[i]!, name: aclName(acl) }))
      },
    })
  }

  /** The access control entries that are meant; without a selection all (Kafka's `Admin.describeAcls`, KIP-140). */
  async describeAcls(selection: AclSelection = {}, options: AdminOptions = {}): Promise<Acl[]> {
    check('admin.describeAcls()', 'selection', selection, specs.aclSelection)
    const what = 'describe access control entries'
    const { resources } = await this.calls.any(what, options, async (connection) => {
      const answer = await connection.request(DescribeAcls, filterOf(selection))
      throwOnError(answer.errorCode, what, answer.errorMessage)
      return answer
    })
    return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => aclInWords({ ...resource, ...acl })))
  }

  /**
   * Takes away access control entries, and answers which (Kafka's `Admin.deleteAcls`, KIP-140).
   *
   * @throws AdminError by selection, as JSON
   */
  async deleteAcls(selections: readonly AclSelection[], options: AdminOptions = {}): Promise<Acl[]> {
    const deleted = await this.calls.onController<AclSelection, Acl[]>({
      what: 'delete the entries of',
      items: selections,
      each: specs.aclSelection,
      nameOf: selectionName,
      ...options,
      ask: async (connection, asked) => {
        const { filterResults } = await connection.request(DeleteAcls, { filters: asked.map(filterOf) })
        return asked.map((selection, i) => {
          const result = filterResults[i]!
          const { errorCode, errorMessage } = result.matchingAcls.find((acl) => acl.errorCode !== 0) ?? result
          return { name: selectionName(selection), errorCode, errorMessage, value: result.matchingAcls.map(aclInWords) }
        })
      },
    })
    return deleted.flat()
  }

  /**
   * Who can log in by SCRAM, and by which mechanisms (Kafka's `Admin.describeUserScramCredentials`, KIP-554).
   *
   * @param users default all
   * @throws AdminError by user: RESOURCE_NOT_FOUND
   */
  async describeUserScramCredentials(users?: readonly string[], options: AdminOptions = {}): Promise<ScramUserDescription[]> {
    const what = 'describe user'
    if (users !== undefined) {
      return this.calls.onAny<string, ScramUserDescription>({
        what,
        items: users,
        each: specs.text,
        nameOf: String,
        ...options,
        ask: async (connection, asked) => {
          const answer = await connection.request(DescribeUserScramCredentials, { users: asked.map((name) => ({ name })) })
          throwOnError(answer.errorCode, what, answer.errorMessage)
          return answer.results.map((each) => ({ ...each, name: each.user, value: scramUser(each) }))
        },
      })
    }
    return this.calls.any(what, options, async (connection) => {
      const answer = await connection.request(DescribeUserScramCredentials, { users: null })
      throwOnError(answer.errorCode, what, answer.errorMessage)
      return answer.results.map(scramUser)
    })
  }

  /**
   * Sets passwords of users and takes their credentials away (Kafka's `Admin.alterUserScramCredentials`, KIP-554).
   *
   * ```ts
   * await admin.alterUserScramCredentials([{ user: 'alice', password, mechanism: 'SCRAM-SHA-512' }])
   * ```
   *
   * @throws AdminError by `user mechanism`: UNACCEPTABLE_CREDENTIAL, RESOURCE_NOT_FOUND
   */
  async alterUserScramCredentials(alterations: readonly ScramAlteration[], options: AdminOptions = {}): Promise<void> {
    check('admin.alterUserScramCredentials()', 'alterations', alterations, specs.scramAlterations)
    checkPasswords(alterations)
    await this.calls.onController<ScramAlteration, void>({
      what: 'alter the credential',
      items: alterations,
      each: specs.scramAlteration,
      nameOf: alterationName,
      ...options,
      ask: async (connection, asked) => {
        const answers: Answer<void>[] = []
        // A request may name a user once.
        for (const round of rounds(asked, ({ user }) => user)) {
          const { results } = await connection.request(AlterUserScramCredentials, await scramChange(round))
          for (const each of results) answers.push({ ...each, name: alterationName(round.find(({ user }) => user === each.user)!) })
        }
        return answers
      },
    })
  }
}

function scramUser({ user, credentialInfos }: DescribeUserScramCredentialsResponse['results'][number]): ScramUserDescription {
  // A mechanism that is newer than we are cannot be named.
  const credentials = credentialInfos.flatMap(({ mechanism: code, iterations }) => {
    const mechanism = scramMechanismOf(code)
    return mechanism === undefined ? [] : [{ mechanism, iterations }]
  })
  return { user, credentials }
}
