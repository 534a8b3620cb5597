/** Waits until it is so, looking every 50 ms. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>, patienceMs = 30_000): Promise<void> {
  for (const begin = Date.now(); !(await isSo());) {
    if (Date.now() - begin > patienceMs) throw new Error(`still not so: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
