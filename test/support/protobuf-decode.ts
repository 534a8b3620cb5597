/** A naive reader of protocol buffers: fields by number, in the order of the message. For tests. */
export interface DecodedField {
  readonly field: number
  readonly value: number | bigint | Buffer
}

export function decodeMessage(buf: Buffer): DecodedField[] {
  const fields: DecodedField[] = []
  for (let at = 0; at < buf.length;) {
    const varint = (): number => {
      let value = 0
      for (let factor = 1; ; factor *= 128) {
        const byte = buf.readUInt8(at++)
        value += (byte & 0x7f) * factor
        if (byte < 0x80) return value
      }
    }
    const tag = varint()
    const field = Math.floor(tag / 8)
    if (tag % 8 === 0) fields.push({ field, value: varint() })
    else if (tag % 8 === 1) {
      fields.push({ field, value: buf.readBigUInt64LE(at) })
      at += 8
    } else if (tag % 8 === 2) {
      const length = varint()
      if (at + length > buf.length) throw new Error(`field ${field} claims ${length} bytes`)
      fields.push({ field, value: buf.subarray(at, at + length) })
      at += length
    } else throw new Error(`wire type ${tag % 8}`)
  }
  return fields
}

export interface DecodedPoint {
  name: string
  kind: 'gauge' | 'sum'
  temporality: number
  value: number
  attributes: Record<string, string>
}

const bytesOf = (buf: Buffer, field: number): Buffer[] =>
  decodeMessage(buf)
    .filter((one) => one.field === field)
    .map((one) => one.value as Buffer)

function attributesOf(messages: readonly Buffer[]): Record<string, string> {
  return Object.fromEntries(messages.map((kv) => [bytesOf(kv, 1)[0]!.toString(), bytesOf(bytesOf(kv, 2)[0]!, 1)[0]!.toString()]))
}

/** `as_double` is field 4, `as_int` field 6. */
function numberOf(point: Buffer): number {
  const { field, value } = decodeMessage(point).find((one) => one.field === 4 || one.field === 6)!
  if (field === 6) return Number(BigInt.asIntN(64, value as bigint))
  const double = Buffer.alloc(8)
  double.writeBigUInt64LE(value as bigint)
  return double.readDoubleLE(0)
}

/** The number points of an OpenTelemetry MetricsData message, and what the first resource of it says. Java's clients make one for each metric. */
export function decodeMetrics(buf: Buffer): { resource: Record<string, string>; points: DecodedPoint[] } {
  const all = bytesOf(buf, 1)
  const points = all
    .flatMap((resource) => bytesOf(resource, 2))
    .flatMap((scope) => bytesOf(scope, 2))
    .flatMap(pointsOf)
  return { resource: attributesOf(bytesOf(bytesOf(all[0]!, 1)[0]!, 1)), points }
}

function pointsOf(metric: Buffer): DecodedPoint[] {
  const name = bytesOf(metric, 1)[0]!.toString()
  const kinds = [
    [5, 'gauge'],
    [7, 'sum'],
  ] as const
  return kinds.flatMap(([field, kind]) =>
    bytesOf(metric, field).flatMap((body) => {
      const temporality = Number(decodeMessage(body).find((one) => one.field === 2)?.value ?? 0)
      return bytesOf(body, 1).map((point) => ({
        name,
        kind,
        temporality,
        value: numberOf(point),
        attributes: attributesOf(bytesOf(point, 7)),
      }))
    }),
  )
}
