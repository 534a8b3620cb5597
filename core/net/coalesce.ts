/** Buffers below this size are copied together; above it a copy costs more than one more entry in writev. */
const SMALL_BYTES = 4096

/** How much is copied into one buffer at most, so that no copy waits for a big allocation. */
const MERGED_BYTES_MAX = 64 * 1024

/** The same bytes in fewer buffers: neighbours that are small are copied together, big ones stay as they are. */
export function coalesce(chunks: readonly Buffer[]): readonly Buffer[] {
  if (chunks.length < 2) return chunks
  const merged: Buffer[] = []
  let from = 0
  let bytes = 0
  for (let i = 0; i < chunks.length; i++) {
    const length = chunks[i]!.length
    const small = length < SMALL_BYTES
    if (small && bytes + length <= MERGED_BYTES_MAX) {
      bytes += length
      continue
    }
    pushRun(merged, chunks, from, i, bytes)
    if (small) {
      from = i
      bytes = length
    } else {
      merged.push(chunks[i]!)
      from = i + 1
      bytes = 0
    }
  }
  pushRun(merged, chunks, from, chunks.length, bytes)
  return merged
}

function pushRun(merged: Buffer[], chunks: readonly Buffer[], from: number, to: number, bytes: number): void {
  if (to - from === 1) merged.push(chunks[from]!)
  else if (to > from) merged.push(Buffer.concat(chunks.slice(from, to), bytes))
}
