import { join } from 'node:path'

import type { Files } from '../base/files.ts'
import { aclKey } from '../security/acl.ts'
import type { AclBinding } from '../security/acl.ts'
import type { ScramCredential, ScramMechanism } from '../security/scram.ts'
import { VersionedFile } from './versioned-file.ts'

interface StoredCredential {
  user: string
  mechanism: ScramMechanism
  salt: string
  storedKey: string
  serverKey: string
  iterations: number
}

interface State {
  acls: AclBinding[]
  scram: StoredCredential[]
}

/** A credential that is set, or (null) taken away. */
export interface CredentialChange {
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly credential: ScramCredential | null
}

/**
 * Who may log in to the cluster by SCRAM, and the access control entries: `security.json` of the data directory, which only the broker's own user may
 * read. Passwords are not in it, only what SCRAM keeps of them.
 */
export class SecurityStore {
  readonly #file: VersionedFile<State>
  readonly #credentials: Map<string, ScramCredential>

  constructor(options: { dir: string; files?: Files | undefined }) {
    this.#file = new VersionedFile<State>(
      join(options.dir, 'security.json'),
      { acls: [], scram: [] },
      {
        files: options.files,
        mode: 'secret',
        without: 'begin with no users of SCRAM and no access control entries',
      },
    )
    this.#credentials = new Map(this.#file.value.scram.map((stored) => [keyOf(stored.mechanism, stored.user), restored(stored)]))
  }

  /** Why what is written down may be one change behind: the first copy is damaged. */
  get damage(): string | undefined {
    return this.#file.damage
  }

  get acls(): readonly AclBinding[] {
    return this.#file.value.acls
  }

  credential(mechanism: ScramMechanism, user: string): ScramCredential | undefined {
    return this.#credentials.get(keyOf(mechanism, user))
  }

  /** Every user with the mechanisms that he can use. */
  users(): Map<string, { mechanism: ScramMechanism; iterations: number }[]> {
    return Map.groupBy(this.#file.value.scram, ({ user }) => user)
  }

  /** Adds entries, durably; those that are there already stay as they are. */
  addAcls(acls: readonly AclBinding[]): Promise<void> {
    return this.#file.change((state) => {
      const known = new Map([...state.acls, ...acls].map((acl) => [aclKey(acl), acl]))
      return known.size > state.acls.length ? { ...state, acls: [...known.values()] } : state
    })
  }

  removeAcls(acls: readonly AclBinding[]): Promise<void> {
    const gone = new Set(acls.map(aclKey))
    return this.#file.change((state) => {
      const kept = state.acls.filter((acl) => !gone.has(aclKey(acl)))
      return kept.length < state.acls.length ? { ...state, acls: kept } : state
    })
  }

  /** Sets and takes away credentials, durably and all at once. */
  async changeCredentials(changes: readonly CredentialChange[]): Promise<void> {
    await this.#file.change((state) => {
      const next = new Map(state.scram.map((known) => [keyOf(known.mechanism, known.user), known]))
      for (const { user, mechanism, credential } of changes) {
        if (credential === null) next.delete(keyOf(mechanism, user))
        else next.set(keyOf(mechanism, user), stored(user, mechanism, credential))
      }
      return { ...state, scram: [...next.values()] }
    })
    for (const { user, mechanism, credential } of changes) {
      if (credential === null) this.#credentials.delete(keyOf(mechanism, user))
      else this.#credentials.set(keyOf(mechanism, user), credential)
    }
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#file.settled()
  }
}

/** No mechanism has a space in its name. */
function keyOf(mechanism: ScramMechanism, user: string): string {
  return `${mechanism} ${user}`
}

function stored(user: string, mechanism: ScramMechanism, { salt, storedKey, serverKey, iterations }: ScramCredential): StoredCredential {
  return {
    user,
    mechanism,
    salt: salt.toString('base64'),
    storedKey: storedKey.toString('base64'),
    serverKey: serverKey.toString('base64'),
    iterations,
  }
}

function restored({ salt, storedKey, serverKey, iterations }: StoredCredential): ScramCredential {
  const bytes = (text: string): Buffer => Buffer.from(text, 'base64')
  return { salt: bytes(salt), storedKey: bytes(storedKey), serverKey: bytes(serverKey), iterations }
}
