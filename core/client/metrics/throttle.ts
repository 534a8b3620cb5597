/** For how long the broker holds us back, in milliseconds, as most answers say. */
export function throttleOf(body: unknown): number {
  const { throttleTimeMs } = body as { throttleTimeMs?: number }
  return throttleTimeMs ?? 0
}
