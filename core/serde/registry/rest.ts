import { MoldauError, messageOf } from '../../base/errors.ts'

export interface RegistryOptions {
  /** Name and password. Default: those in the URL, else none. */
  auth?: { username: string; password: string }
  /** Sent with every request, for a token for example: `{ authorization: 'Bearer …' }`. */
  headers?: Readonly<Record<string, string>>
  /** How long an answer may take, in milliseconds; default 10 s. */
  timeoutMs?: number
}

/** A schema as a registry has it. */
export interface RegisteredSchema {
  readonly id: number
  /** JSON for Avro. */
  readonly schema: string
  /** Missing: AVRO. */
  readonly schemaType?: string
  readonly references?: readonly SchemaReference[]
}

/** The schema that another one calls by this name. */
export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json'
const TIMEOUT_MS = 10_000
/** Codes of registries for what is not there: a subject, a version, a schema. */
const NOT_FOUND = 404
const INCOMPATIBLE = 409

/** The calls of a schema registry that are used here, as Confluent's API defines them. */
export class RegistryRest {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #timeoutMs: number

  constructor(url: string, { auth, headers = {}, timeoutMs = TIMEOUT_MS }: RegistryOptions) {
    const base = parse(url)
    const [username, password] =
      auth === undefined ? [base.username, base.password].map(decodeURIComponent) : [auth.username, auth.password]
    base.username = ''
    base.password = ''
    this.#base = base.href.replace(/\/$/, '')
    const basic = Buffer.from(`${username}:${password}`).toString('base64')
    this.#headers = {
      accept: CONTENT_TYPE,
      'content-type': CONTENT_TYPE,
      ...(username !== '' && { authorization: `Basic ${basic}` }),
      ...headers,
    }
    this.#timeoutMs = timeoutMs
  }

  /** Registers a schema, or finds that it is there. */
  async register(subject: string, schema: string): Promise<number> {
    const { id } = await this.#ask<{ id: number }>('POST', `/subjects/${encodeURIComponent(subject)}/versions`, { schema })
    return id
  }

  /** The id of a schema that is there. */
  async lookup(subject: string, schema: string): Promise<number> {
    const { id } = await this.#ask<{ id: number }>('POST', `/subjects/${encodeURIComponent(subject)}`, { schema })
    return id
  }

  async byId(id: number): Promise<RegisteredSchema> {
    return { ...(await this.#ask<Omit<RegisteredSchema, 'id'>>('GET', `/schemas/ids/${id}`)), id }
  }

  async version(subject: string, version: number): Promise<RegisteredSchema> {
    return this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions/${version}`)
  }

  async versions(subject: string): Promise<number[]> {
    return this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions`)
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const what = `schema registry, ${method} ${this.#base}${path}`
    let status: number
    let text: string
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: this.#headers,
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      status = response.status
      text = await response.text()
    } catch (error) {
      throw failed(`${what}: no answer: ${reasonOf(error)}; is the URL right, and does the registry run?`, true, error)
    }
    if (status >= 200 && status < 300) return parsed<T>(what, text)
    throw failed(`${what}: ${status} ${saidIn(text)}${remedyOf(status)}`, status >= 500 || status === 429)
  }
}

function parse(url: string): URL {
  const parsed = URL.parse(url)
  if (parsed !== null && /^https?:$/.test(parsed.protocol)) return parsed
  throw new MoldauError('INVALID_ARGUMENT', `schemaRegistry: url is http://host:port or https://…, not '${url}'`)
}

function parsed<T>(what: string, text: string): T {
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw failed(`${what}: the answer is no JSON: ${text.slice(0, 200)}; is there a registry at this URL?`, false, error)
  }
}

/** What the registry says is wrong. */
function saidIn(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown }
    if (typeof message === 'string') return message
  } catch {
    // It is said as it came.
  }
  return text.slice(0, 200)
}

function remedyOf(status: number): string {
  if (status === INCOMPATIBLE) {
    return '; the subject has a schema that this one does not fit: give new fields a default, or change the compatibility of the subject'
  }
  if (status === NOT_FOUND) return '; is the schema registered in this registry?'
  return status === 401 || status === 403 ? '; name and password go into auth, a token into headers' : ''
}

function failed(message: string, retriable: boolean, cause?: unknown): MoldauError {
  return new MoldauError('REGISTRY_FAILED', message, { retriable, cause })
}

/** `fetch` says only that it failed; why is in the cause. */
function reasonOf(error: unknown): string {
  return error instanceof TypeError && error.cause !== undefined ? messageOf(error.cause) : messageOf(error)
}
