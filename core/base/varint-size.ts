/** Bytes that an unsigned variable-length 32-bit integer takes. */
export function uvarintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5
}

/** Bytes that {@link Writer.varint} takes for a value. */
export function varintSize(value: number): number {
  return uvarintSize(((value << 1) ^ (value >> 31)) >>> 0)
}

/** Bytes that {@link Writer.varlong} takes for a value. */
export function varlongSize(value: number): number {
  if ((value | 0) === value) return varintSize(value)
  let rest = Math.floor((value < 0 ? -value - 1 : value) / 64)
  let size = 1
  for (; rest > 0; rest = Math.floor(rest / 128)) size++
  return size
}
