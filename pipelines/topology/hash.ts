/** FNV-1a's, which mixes well enough for a number of tasks and needs no table. */
const OFFSET = 0x811c9dc5
const PRIME = 0x01000193

/**
 * A whole number from 0 to 2^32 for the values of some fields, the same in every process. Primitives and bytes by what they are, everything
 * else by its JSON.
 */
export function hashOf(values: Readonly<Record<string, unknown>>, fields: readonly string[]): number {
  let hash = OFFSET
  for (let i = 0; i < fields.length; i++) hash = mixed(hash, values[fields[i]!])
  return spread(hash)
}

/** Another number for the same values, for the second choice of a partial key. */
export function secondHash(hash: number): number {
  return spread(hash ^ 0x5bd1e995)
}

function mixed(hash: number, value: unknown): number {
  if (typeof value === 'string') return mixedText(hash, value)
  if (typeof value === 'number') return (value | 0) === value ? Math.imul(hash ^ value, PRIME) : mixedText(hash, String(value))
  if (value instanceof Uint8Array) {
    let bytes = hash
    for (let i = 0; i < value.length; i++) bytes = Math.imul(bytes ^ value[i]!, PRIME)
    return bytes
  }
  if (typeof value === 'bigint') return mixedText(hash, value.toString())
  return mixedText(hash, JSON.stringify(value) ?? '')
}

function mixedText(start: number, text: string): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME)
  return Math.imul(hash ^ text.length, PRIME)
}

/** Lets every bit have a say in the low ones. */
function spread(given: number): number {
  let hash = given ^ (given >>> 16)
  hash = Math.imul(hash, 0x7feb352d)
  hash ^= hash >>> 15
  hash = Math.imul(hash, 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}
