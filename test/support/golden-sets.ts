import { readFileSync } from 'node:fs'

import type { CompressionName } from '../../core/record/compression-names.ts'
import type { MessageToWrite } from '../../core/record/legacy-encode.ts'
import type { LegacyMagic } from '../../core/record/legacy-message.ts'

export interface GoldenSet {
  format: LegacyMagic
  codec: CompressionName
  time: 'CreateTime' | 'LogAppendTime'
  hex: string
}

/** Message sets of the formats 0 and 1 as Kafka's clients of before 0.11 wrote them: MessageSets.java made them. */
export const goldenSets = (
  JSON.parse(readFileSync(new URL('../fixtures/message-sets.json', import.meta.url), 'utf8')) as { sets: GoldenSet[] }
).sets

/** What is in them. */
export function goldenMessages({ format, time }: GoldenSet): MessageToWrite[] {
  return [0, 1, 2, 3, 4].map((i) => ({
    offset: 40 + i + (i > 2 ? 1 : 0),
    timestamp: format === 0 ? -1 : 1_700_000_000_000 + (time === 'LogAppendTime' ? 99 : (7 * i) % 5),
    key: i === 1 ? null : Buffer.from(`key-${i}`),
    value: i === 2 ? null : Buffer.from('value '.repeat(i + 1)),
  }))
}
