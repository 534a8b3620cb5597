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

/** The number points of an OpenTelemetry MetricsData message. */
export function decodeMetrics(buf: Buffer): { resource: Record<string, string>; points: DecodedPoint[] } {
  const [all] = bytesOf(buf, 1)
  const resource = attributesOf(bytesOf(bytesOf(all!, 1)[0]!, 1))
  const points: DecodedPoint[] = []
  for (const metric of bytesOf(bytesOf(all!, 2)[0]!, 2)) {
    const name = bytesOf(metric, 1)[0]!.toString()
    for (const [field, kind] of [
      [5, 'gauge'],
      [7, 'sum'],
    ] as const) {
      for (const body of bytesOf(metric, field)) {
        const temporality = Number(decodeMessage(body).find((one) => one.field === 2)?.value ?? 0)
        for (const point of bytesOf(body, 1)) {
          const bits = decodeMessage(point).find((one) => one.field === 4)!.value as bigint
          const double = Buffer.alloc(8)
          double.writeBigUInt64LE(bits)
          points.push({ name, kind, temporality, value: double.readDoubleLE(0), attributes: attributesOf(bytesOf(point, 7)) })
        }
      }
    }
  }
  return { resource, points }
}
