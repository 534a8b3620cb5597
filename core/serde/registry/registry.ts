import { MoldauError } from '../../base/errors.ts'
import { avroWriter, compileAvro, readAvro } from '../avro-codec.ts'
import { type AvroSerde, nameOfAvro } from '../avro.ts'
import type { AvroSchema, FromAvro, ToAvro } from '../avro-types.ts'
import { type RegistryOptions, RegistryRest } from './rest.ts'
import { Writers } from './writers.ts'

export interface RegisteredOptions {
  /** Default true: a schema that the registry does not have is registered. False: it is an error. */
  register?: boolean
}

/** An Avro serde in Confluent's wire format: a zero byte, the id of the writer's schema in four bytes, then the value. */
export interface RegisteredSerde<R, W = R> extends AvroSerde<R, W> {
  /** Of the schema that values are written with. */
  readonly id: number
  /**
   * Waits until what these bytes were written with has been fetched. Pipelines need no such call: an epoch in which a schema is missing is run again. Who
   * reads with a consumer calls it when `deserialize` throws REGISTRY_FAILED.
   */
  ready(buffer: Buffer, start: number): Promise<void>
}

/** A schema registry. Made by {@link schemaRegistry}. */
export interface SchemaRegistry {
  /**
   * A serde for values of an Avro schema that is registered under a subject. What older and newer schemas of the registry have written is read as this
   * schema says, by Avro's rules: fields that are missing get their defaults, others are passed over.
   *
   * ```ts
   * const registry = schemaRegistry('http://127.0.0.1:8081')
   * const flights = topic('flights', { key: string, value: await registry.avro('flights-value', flightSchema) })
   * ```
   *
   * @param subject by custom `<topic>-value` or `<topic>-key`
   * @throws INVALID_ARGUMENT when the schema is not one
   * @throws REGISTRY_FAILED when the registry refuses it or does not answer
   */
  avro<const S extends AvroSchema>(
    subject: string,
    schema: S,
    options?: RegisteredOptions,
  ): Promise<RegisteredSerde<FromAvro<S>, ToAvro<S>>>
  avro<R, W = R>(subject: string, schema: object, options?: RegisteredOptions): Promise<RegisteredSerde<R, W>>
}

const MAGIC = 0
/** The zero byte and the id. */
const PREFIX_BYTES = 5

/**
 * A schema registry with the API of Confluent's, which Apicurio, Karapace and others have too.
 *
 * Schemas are registered and fetched when a serde is made, all versions of its subject at once. One that is registered later is fetched when the
 * first value comes that was written with it.
 *
 * @param url where it answers: `http://127.0.0.1:8081`; of Apicurio with the path `/apis/ccompat/v7`
 * @throws INVALID_ARGUMENT when the URL is none
 */
export function schemaRegistry(url: string, options: RegistryOptions = {}): SchemaRegistry {
  const rest = new RegistryRest(url, options)
  const avro = (subject: string, schema: object, each?: RegisteredOptions) => registered(rest, subject, schema as AvroSchema, each)
  return { avro: avro as SchemaRegistry['avro'] }
}

async function registered(
  rest: RegistryRest,
  subject: string,
  schema: AvroSchema,
  { register = true }: RegisteredOptions = {},
): Promise<RegisteredSerde<unknown>> {
  const type = compileAvro(schema)
  const name = `${nameOfAvro(type)} of subject ${subject}`
  const text = JSON.stringify(schema)
  const id = register ? await rest.register(subject, text) : await rest.lookup(subject, text)
  const writers = new Writers(rest, type, name)
  for (const version of await rest.versions(subject)) await writers.add(await rest.version(subject, version))
  const prefix = Buffer.alloc(PREFIX_BYTES)
  prefix.writeInt32BE(id, 1)
  return {
    name,
    schema,
    type,
    id,
    fingerprint: type.fingerprint('sha256').toString('hex'),
    serialize: avroWriter(name, type, prefix),
    deserialize(buffer, start, end) {
      const writer = writerOf(name, buffer, start, end)
      // Most are written with the schema that reads them.
      const resolver = writer === id ? undefined : writers.resolverOf(writer)
      return readAvro(name, type, buffer, start + PREFIX_BYTES, end, resolver)
    },
    ready: (buffer, start) => {
      const writer = writerOf(name, buffer, start, buffer.length)
      return writer === id ? Promise.resolve() : writers.fetch(writer)
    },
  }
}

function writerOf(name: string, buffer: Buffer, start: number, end: number): number {
  if (end - start >= PREFIX_BYTES && buffer[start] === MAGIC) return buffer.readInt32BE(start + 1)
  const bytes = buffer.toString('hex', start, Math.min(start + PREFIX_BYTES, end))
  throw new MoldauError(
    'SERDE_FAILED',
    `${name}: ${end - start} bytes that begin with ${bytes} are not in the format of a schema registry (a zero byte, then the schema's id); ` +
      'were they written with avro(…), or by something else?',
  )
}
