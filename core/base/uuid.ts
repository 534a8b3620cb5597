import { randomFillSync } from 'node:crypto'

/** Kafka writes a UUID as 22 characters of URL-safe base64; topic ids and cluster ids travel in this form inside moldau too. */
export const ZERO_UUID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** Where randomness comes from: fills the buffer. Injected, so that a seed replays a run. */
export type RandomBytes = (buffer: Buffer) => Buffer

export const systemRandom: RandomBytes = (buffer) => randomFillSync(buffer)

/** A random (version 4) UUID that does not begin with '-', as Kafka's Uuid.randomUuid, so that it can be typed on a command line. */
export function randomUuid(random: RandomBytes = systemRandom): string {
  for (;;) {
    const bytes = random(Buffer.alloc(16))
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    const text = uuidText(bytes, 0)
    if (!text.startsWith('-')) return text
  }
}

/** Reads 16 bytes at `at` as a UUID. */
export function uuidText(bytes: Buffer, at: number): string {
  return bytes.toString('base64url', at, at + 16)
}

/** The 16 bytes of a UUID in its text form. */
export function uuidBytes(text: string): Buffer {
  return Buffer.from(text, 'base64url')
}
