/** For how long the broker holds us back, in milliseconds, as most answers say (KIP-219); 0 where nothing is said. */
export function throttleOf(body: unknown): number {
  const { throttleTimeMs } = body as { throttleTimeMs?: number }
  return throttleTimeMs ?? 0
}
