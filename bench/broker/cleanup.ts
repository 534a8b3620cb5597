/** Whatever ends the bench, its servers end with it: Ctrl-C, an error, or its last line. */
const left = new Set<() => void>()
let listening = false

/** Runs `undo` when the process ends; call what is answered when that is no longer needed. `undo` must be synchronous. */
export function atExit(undo: () => void): () => void {
  if (!listening) listen()
  left.add(undo)
  return () => void left.delete(undo)
}

function listen(): void {
  listening = true
  process.once('exit', () => {
    for (const undo of left) undo()
  })
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => process.exit(code))
  }
}
