/**
 * Resolves at the first Ctrl-C or SIGTERM; a second one ends the process at once, for people who have waited enough.
 * Nothing acknowledged is lost either way: the next start recovers as after kill -9.
 */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let asked = false
    const onSignal = (signal: NodeJS.Signals) => {
      if (asked) process.exit(130)
      asked = true
      resolve(signal)
    }
    process.on('SIGINT', onSignal)
    process.on('SIGTERM', onSignal)
  })
}
