const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995

/**
 * MurmurHash2 of a record's key as a signed 32-bit number: what Kafka's default partitioner hashes with
 * (`org.apache.kafka.common.utils.Utils.murmur2`), so that every client puts a key into the same partition.
 */
export function murmur2(key: Uint8Array): number {
  const length = key.length
  let hash = SEED ^ length
  let at = 0
  for (const last = length - 3; at < last; at += 4) {
    let word = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24)
    word = Math.imul(word, MULTIPLIER)
    word ^= word >>> 24
    word = Math.imul(word, MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ word
  }
  const rest = length - at
  if (rest > 0) {
    if (rest === 3) hash ^= key[at + 2]! << 16
    if (rest >= 2) hash ^= key[at + 1]! << 8
    hash = Math.imul(hash ^ key[at]!, MULTIPLIER)
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return hash ^ (hash >>> 15)
}

/** Clears the sign bit (Kafka's `Utils.toPositive`: not the absolute value), as is done before `% partitions`. */
export function toPositive(hash: number): number {
  return hash & 0x7fffffff
}
