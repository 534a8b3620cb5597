import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { DescribeGroups } from '../../core/protocol/messages/describe-groups.ts'
import { Elsewhere } from './elsewhere.ts'
import type { Teardown } from './child-broker.ts'
import { ManyBroker, ManyClients } from './many.ts'
import { until } from './until.ts'
import type { Measured } from './many-scenarios.ts'
import { batch, createTopic, produce } from './wire.ts'

export interface HalfOpenOptions {
  readonly t: Teardown
  readonly dir: string
  readonly connections: number
  /** Groups of one member each, on connections of their own. */
  readonly members: number
  readonly idleMs: number
  readonly sessionMs: number
}

/** Others come and go meanwhile. */
const DESCRIPTORS_SLACK = 3

/**
 * Clients that vanish without a word, some of them in the middle of a request, some with an answer on its way: the broker ends their connections
 * when they have been idle for long enough and their sessions when these are over, and serves the others. Answers when that was, in milliseconds
 * after they vanished; or why it cannot be tried here.
 */
export async function halfOpen({ t, dir, connections, members, idleMs, sessionMs }: HalfOpenOptions): Promise<Measured | string> {
  const elsewhere = Elsewhere.make(t)
  if (typeof elsewhere === 'string') return elsewhere
  const config = {
    'connections.max.idle.ms': idleMs,
    'max.connections': connections + members + 100,
    'group.min.session.timeout.ms': sessionMs,
    'group.initial.rebalance.delay.ms': 0,
    'offsets.topic.num.partitions': 2,
  }
  const broker = await ManyBroker.start(dir, config, { host: '0.0.0.0' })
  const clients = new ManyClients(broker.port, elsewhere)
  t.teardown(async () => {
    await clients.end()
    await broker.stop()
  })
  const dial = async (): Promise<Channel> =>
    new Channel(await tcpDialer().dial('127.0.0.1', broker.port), { clientId: 'here', clock: systemClock })
  const admin = await dial()
  await createTopic(admin, 'a')
  const { descriptors } = broker
  admin.close()
  const joined = await clients.tell(`join ${members} ${sessionMs}`)
  if (joined['joined'] !== members) throw new Error(`${joined['joined']} of ${members} members`)
  const opened = await clients.tell(`open ${connections}`)
  if (opened['open'] !== connections) throw new Error(`${opened['open']} of ${connections} connections`)
  await clients.tell('wait a')
  // Not before: it has nothing to say while the others are connecting, and would be closed as well.
  const channel = await dial()
  t.teardown(() => channel.close())
  const goesOn = async (): Promise<void> => {
    const { error } = await produce(channel, 'a', batch(['x']))
    if (error !== 'NONE') throw new Error(error)
  }
  // Until what was sent has been looked at, the last heartbeats among it.
  for (let i = 0; i < 20; i++) await goesOn()
  elsewhere.cut()
  const cut = performance.now()
  const groupIds = Array.from({ length: members }, (_, i) => `g${i}`)
  let firstGoneMs = 0
  await until(
    'no group has a member',
    async () => {
      await goesOn()
      const { groups } = await channel.request(DescribeGroups, 5, { groups: groupIds })
      const gone = groups.filter((group) => group.members.length === 0).length
      if (gone > 0 && firstGoneMs === 0) firstGoneMs = performance.now() - cut
      return gone === members
    },
    { patienceMs: sessionMs + 60_000 },
  )
  const lastGoneMs = performance.now() - cut
  await until(
    'the connections are closed',
    async () => {
      await goesOn()
      return broker.descriptors <= descriptors + DESCRIPTORS_SLACK
    },
    { patienceMs: 3 * idleMs + 60_000 },
  )
  const closedMs = performance.now() - cut
  elsewhere.mend()
  const others = new ManyClients(broker.port, elsewhere)
  try {
    await until('a new connection is taken from there', async () => (await others.tell('open 1'))['open'] === 1)
  } finally {
    await others.end()
  }
  return { connections, members, firstGoneMs: Math.round(firstGoneMs), lastGoneMs: Math.round(lastGoneMs), closedMs: Math.round(closedMs) }
}
