import type { Resolver, Type } from 'avsc'
import { MoldauError, messageOf } from '../../base/errors.ts'
import { compileAvro } from '../avro-codec.ts'
import type { RegisteredSchema, RegistryRest } from './rest.ts'

/** How deep schemas may refer to others. */
const REFERENCES_DEPTH_MAX = 20

/** How values are read that other schemas have written, by the id that stands before them. */
export class Writers {
  readonly #rest: RegistryRest
  readonly #reader: Type
  readonly #name: string
  readonly #resolvers: Map<number, Resolver | MoldauError>
  readonly #fetching: Map<number, Promise<void>>
  /** Why a schema could not be fetched the last time. */
  readonly #failed: Map<number, string>

  constructor(rest: RegistryRest, reader: Type, name: string) {
    this.#rest = rest
    this.#reader = reader
    this.#name = name
    this.#resolvers = new Map()
    this.#fetching = new Map()
    this.#failed = new Map()
  }

  /**
   * @throws REGISTRY_FAILED, which may be tried again, while the schema is being fetched: a serde cannot wait
   * @throws SERDE_FAILED when what it has written cannot be read with our schema
   */
  resolverOf(id: number): Resolver {
    const known = this.#resolvers.get(id)
    if (known instanceof MoldauError) throw known
    if (known !== undefined) return known
    const before = this.#failed.get(id)
    this.fetch(id).catch(() => undefined)
    const message = `${this.#name}: the schema with the id ${id} is being fetched from the registry; try again`
    throw new MoldauError('REGISTRY_FAILED', before === undefined ? message : `${message} (the last time: ${before})`, { retriable: true })
  }

  /** Fetches a schema once; after a failure the next call tries again. */
  fetch(id: number): Promise<void> {
    if (this.#resolvers.has(id)) return Promise.resolve()
    let fetching = this.#fetching.get(id)
    if (fetching === undefined) {
      fetching = this.#fetch(id).finally(() => this.#fetching.delete(id))
      this.#fetching.set(id, fetching)
    }
    return fetching
  }

  async add(registered: RegisteredSchema): Promise<void> {
    if (this.#resolvers.has(registered.id)) return
    const named: Record<string, Type> = {}
    await this.#defineReferences(registered, named, 0)
    this.#resolvers.set(registered.id, this.#resolver(registered, named))
  }

  async #fetch(id: number): Promise<void> {
    try {
      await this.add(await this.#rest.byId(id))
      this.#failed.delete(id)
    } catch (error) {
      if (!(error instanceof MoldauError) || error.retriable) {
        this.#failed.set(id, messageOf(error))
        throw error
      }
      // The registry has no such schema: no other attempt would find it, and what came with its id cannot be read.
      this.#resolvers.set(id, new MoldauError('SERDE_FAILED', `${this.#name}: ${error.message}`, { cause: error }))
    }
  }

  async #defineReferences({ references = [] }: RegisteredSchema, named: Record<string, Type>, depth: number): Promise<void> {
    if (depth > REFERENCES_DEPTH_MAX)
      throw new MoldauError('REGISTRY_FAILED', `${this.#name}: schemas that refer to one another without end`)
    for (const { name, subject, version } of references) {
      if (name in named) continue
      const referred = await this.#rest.version(subject, version)
      await this.#defineReferences(referred, named, depth + 1)
      compileAvro(JSON.parse(referred.schema), named)
    }
  }

  #resolver({ id, schema, schemaType = 'AVRO' }: RegisteredSchema, named: Record<string, Type>): Resolver | MoldauError {
    if (schemaType !== 'AVRO') return this.#unreadable(`the schema with the id ${id} is ${schemaType}, not AVRO`)
    try {
      return this.#reader.createResolver(compileAvro(JSON.parse(schema), named))
    } catch (error) {
      return this.#unreadable(`what the schema with the id ${id} has written cannot be read with this one: ${String(error)}`, error)
    }
  }

  #unreadable(what: string, cause?: unknown): MoldauError {
    return new MoldauError('SERDE_FAILED', `${this.#name}: ${what}; new fields need a default, and types may only widen`, { cause })
  }
}
