/** Java's String.hashCode: the partition of a group or transactional id must be the one that Kafka's tools compute. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(31, hash) + text.charCodeAt(i)) | 0
  return hash
}

/** The partition of __consumer_offsets or __transaction_state that is responsible for an id. */
export function partitionOf(id: string, partitions: number): number {
  // Kafka's Utils.abs: the sign bit of the one number without a positive counterpart is dropped.
  const hash = javaHash(id)
  return (hash === -0x8000_0000 ? 0 : Math.abs(hash)) % partitions
}
