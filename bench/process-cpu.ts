import { readFileSync } from 'node:fs'

/** Clock ticks per second that the kernel counts in; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** CPU-seconds (user and system) that a process of this machine has used so far. Linux only. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in parentheses may hold spaces; the fields count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** CPU-seconds of this process while `work` runs. */
export async function cpuDuring(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}
