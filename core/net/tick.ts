/**
 * Work collected during one turn of the event loop and done once at its end: all connections that have something
 * to send are flushed together, after every socket has been read.
 */
const due: (() => void)[] = []

/** Runs `work` at the end of this turn. The caller makes sure that it asks once per turn. */
export function atEndOfTick(work: () => void): void {
  if (due.push(work) === 1) setImmediate(runDue)
}

function runDue(): void {
  const batch = due.splice(0)
  for (const work of batch) work()
}
