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
  addAcls(acls: readonly AclBinding[]): void {
    const known = new Map([...this.acls, ...acls].map((acl) => [aclKey(acl), acl]))
    if (known.size > this.acls.length) this.#put({ acls: [...known.values()] })
  }

  removeAcls(acls: readonly AclBinding[]): void {
    const gone = new Set(acls.map(aclKey))
    if (gone.size > 0) this.#put({ acls: this.acls.filter((acl) => !gone.has(aclKey(acl))) })
  }

  /** Sets and takes away credentials, durably and all at once. */
  changeCredentials(changes: readonly CredentialChange[]): void {
    const next = new Map(this.#credentials)
    for (const { user, mechanism, credential } of changes) {
      if (credential === null) next.delete(keyOf(mechanism, user))
      else next.set(keyOf(mechanism, user), credential)
    }
    this.#put({ scram: Array.from(next, ([key, credential]) => stored(key, credential)) })
    this.#credentials.clear()
    for (const [key, credential] of next) this.#credentials.set(key, credential)
  }

  #put(change: Partial<State>): void {
    this.#file.put({ ...this.#file.value, ...change }, this.#file.version)
  }
}

/** No mechanism has a space in its name. */
function keyOf(mechanism: ScramMechanism, user: string): string {
  return `${mechanism} ${user}`
}

function stored(key: string, { salt, storedKey, serverKey, iterations }: ScramCredential): StoredCredential {
  const space = key.indexOf(' ')
  return {
    user: key.slice(space + 1),
    mechanism: key.slice(0, space) as ScramMechanism,
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
