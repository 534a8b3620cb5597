interface UntilOptions {
  /** Default a minute and a half, for machines that have much to do. */
  patienceMs?: number
  /** What it was like when patience came to its end. */
  details?: () => unknown
}

/** Waits until it is so, looking every 50 ms. @throws Error when that takes too long */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, options: UntilOptions = {}): Promise<void> {
  const { patienceMs = 90_000, details = () => '' } = options
  if (!(await soWithin(patienceMs, isSo))) throw new Error(`still not so: ${what} ${JSON.stringify(details())}`)
}

/** The same for who goes on either way: tells whether it came to be so. */
export async function soWithin(patienceMs: number, isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const begin = performance.now(); !(await isSo());) {
    if (performance.now() - begin > patienceMs) return false
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return true
}
