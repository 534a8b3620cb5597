import type { ConsumerBatch } from '../core/index.ts'

export interface RecordFormat {
  json?: boolean
  keyDelimiter?: string
}

/** The first `count` records of a batch, one a line: values byte for byte, or JSON documents. */
export function formatRecords(batch: ConsumerBatch, count: number, { json, keyDelimiter }: RecordFormat): Buffer {
  const { columns, from } = batch
  const parts: Buffer[] = []
  for (let i = from; i < from + count; i++) {
    if (json) {
      parts.push(Buffer.from(JSON.stringify(document(batch, i))))
    } else {
      if (keyDelimiter !== undefined) parts.push(columns.key(i) ?? nothing, Buffer.from(keyDelimiter))
      parts.push(columns.value(i) ?? nothing)
    }
    parts.push(newline)
  }
  return Buffer.concat(parts)
}

const nothing = Buffer.alloc(0)
const newline = Buffer.from('\n')

function document({ topic, partition, columns }: ConsumerBatch, i: number): object {
  const headers = columns.headers(i).map(({ key, value }) => ({ key, value: readable(value) }))
  return {
    topic,
    partition,
    offset: columns.offset(i),
    timestamp: columns.timestamp(i),
    key: readable(columns.key(i)),
    value: readable(columns.value(i)),
    ...(headers.length === 0 ? {} : { headers }),
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text where it is text: bytes that are not UTF-8 would come out as others. */
function readable(bytes: Buffer | null): string | null | { base64: string } {
  if (bytes === null) return null
  try {
    return utf8.decode(bytes)
  } catch {
    return { base64: bytes.toString('base64') }
  }
}
