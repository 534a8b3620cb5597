import { MoldauError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { BrokerConnection } from '../cluster/connection.ts'
import type { Connections } from '../cluster/connections.ts'

/** How long closing a producer or a consumer waits for what has yet to be written or committed. */
export const CLOSE_TIMEOUT_MS = 10_000

/** A broker that takes connections and says nothing may be slow, or dead. */
const LEAVE_TIMEOUT_MS = 5000
/** The coordinator may have moved, and the connection may have been lost long ago: beyond that the session time-out says for the member that it has gone. */
const LEAVE_ATTEMPTS_MAX = 3

/** Tells the coordinator that a member goes, without waiting for one that is dead: nothing is lost when it does not hear of it. */
export async function sayGoodbye(
  cluster: Cluster,
  groupId: string,
  connections: Connections,
  say: (connection: BrokerConnection) => Promise<void>,
): Promise<void> {
  let attempts = 0
  const stopped = (): Error | undefined =>
    attempts++ < LEAVE_ATTEMPTS_MAX ? undefined : new MoldauError('CONNECTION_LOST', `the coordinator of '${groupId}' cannot be reached`)
  const call = { what: `leave group '${groupId}'`, timeoutMs: LEAVE_TIMEOUT_MS, stopped }
  await within(cluster.clock, LEAVE_TIMEOUT_MS, cluster.coordinators.run('group', groupId, connections, call, say))
}

/** Waits for something that may fail, so long at most. Whether it was done, well or not. */
export async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<false>()
  const timer = clock.after(ms, () => late.resolve(false))
  const done = work.then(
    () => true,
    () => true,
  )
  const isDone = await Promise.race([done, late.promise])
  timer.cancel()
  return isDone
}
