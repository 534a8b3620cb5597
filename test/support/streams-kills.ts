import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { connect } from '../../core/index.ts'
import type { Client } from '../../core/index.ts'
import { ChildBroker } from './child-broker.ts'
import { readAll, type Seen } from './client-kit.ts'
import { javaClasses, startJava } from './java-app.ts'
import type { Program, Teardown } from './program.ts'

export interface StreamsPlan {
  /** For the broker's data and the state of the application. */
  dir: string
  orders: number
  /** What is killed with -9, one after the other; each time after some orders have come through. */
  kills: readonly StreamsKill[]
  /** Processes of the application. Default 1. */
  instances?: number
  random: () => number
  log?: (line: string) => void
}

/** The application (the first of its processes), the same with its state deleted, all of its processes, or the broker. */
export type StreamsKill = 'app' | 'app-and-state' | 'apps' | 'broker'

const PARTITIONS = 3
const CUSTOMERS = 20
const PRODUCTS = 7
const TOPICS = ['orders', 'customers', 'payments', 'counts', 'totals', 'named', 'paid']
const SETTINGS = [
  'num.stream.threads=2',
  'commit.interval.ms=50',
  'session.timeout.ms=6000',
  'heartbeat.interval.ms=500',
  'replication.factor=1',
]

/**
 * Runs the shop (StreamsApp.java: counts by a repartition topic, sums, a join with a table and a windowed one, all exactly once) while it and the
 * broker are killed with -9, and returns everything in which its output differs from what the input asks for; empty when it is exact.
 */
export async function streamsUnderKills(t: Teardown, plan: StreamsPlan): Promise<string[]> {
  const { orders, kills, instances = 1, random, log = () => {} } = plan
  const classes = await javaClasses('StreamsApp')
  const broker = new ChildBroker(t, join(plan.dir, 'broker'), {
    'offsets.topic.num.partitions': 2,
    'transaction.state.log.num.partitions': 2,
  })
  await broker.start()
  const client = await connect(`127.0.0.1:${broker.port}`, { retryBackoffMs: 10, retryBackoffMaxMs: 100 })
  t.teardown(() => client.close())
  await client.admin.createTopics(TOPICS.map((name) => ({ name, partitions: PARTITIONS })))
  await writeCustomers(client)

  const apps: Program[] = []
  const stateOf = (i: number): string => join(plan.dir, `state-${i}`)
  const start = async (i: number): Promise<void> => {
    const dir = join(plan.dir, `app-${i}`)
    await mkdir(dir, { recursive: true })
    const args = [`127.0.0.1:${broker.port}`, stateOf(i), ...SETTINGS]
    apps[i] = await startJava(t, { classes, dir, className: 'StreamsApp', args }, (line) => log(`app ${i}: ${line}`))
  }
  const kill = async (what: StreamsKill): Promise<void> => {
    const hit = what === 'broker' ? [] : [...apps.keys()].slice(0, what === 'apps' ? instances : 1)
    for (const i of hit) await apps[i]!.end('SIGKILL')
    if (what === 'app-and-state') await rm(stateOf(0), { recursive: true, force: true })
    if (what === 'broker') {
      await broker.kill()
      await broker.start()
    }
    for (const i of hit) await start(i)
  }
  for (let i = 0; i < instances; i++) await start(i)

  const comesThrough = async (count: number): Promise<void> => {
    const all = async (): Promise<boolean> => (await readAll(client, 'paid', PARTITIONS)).length >= count
    await apps[0]!.until(`${count} orders are paid`, all, 180_000)
  }
  const perLife = Math.floor(orders / (kills.length + 1))
  let written = 0
  for (const [life, what] of kills.entries()) {
    await writeOrders(client, written, (written += perLife))
    // Something of this life has come through, the rest has not.
    await comesThrough(life * perLife + 1 + Math.floor(random() * perLife * 0.5))
    log(`kill ${what} after ${written} orders`)
    await kill(what)
  }
  await writeOrders(client, written, orders)
  await comesThrough(orders)
  for (const app of apps) await app.end('SIGTERM')
  return audit(client, orders)
}

async function writeCustomers(client: Client): Promise<void> {
  const producer = client.producer()
  // Of before all orders: the application takes them first.
  for (let i = 0; i < CUSTOMERS; i++)
    void producer.send({ topic: 'customers', key: `c${i}`, value: nameOf(i), timestamp: Date.now() - 60_000 })
  await producer.flush()
  await producer.close()
}

const nameOf = (customer: number): string => `name-${customer}`
const customerOf = (id: number): number => (id * 13) % CUSTOMERS
const productOf = (id: number): number => (id * id) % PRODUCTS

async function writeOrders(client: Client, from: number, to: number): Promise<void> {
  const producer = client.producer()
  for (let id = from; id < to; id++) {
    void producer.send({ topic: 'orders', key: `c${customerOf(id)}`, value: `${id} p${productOf(id)}` })
    void producer.send({ topic: 'payments', key: String(id), value: `${id * 3}` })
  }
  await producer.flush()
  await producer.close()
}

async function audit(client: Client, orders: number): Promise<string[]> {
  const faults: string[] = []
  const ids = Array.from({ length: orders }, (_, id) => id)
  const read = (topic: string): Promise<Seen[]> => readAll(client, topic, PARTITIONS)
  const expectEach = (what: string, seen: readonly string[], expected: readonly string[]): void => {
    const counts = new Map<string, number>()
    for (const each of seen) counts.set(each, (counts.get(each) ?? 0) + 1)
    for (const each of expected) if (counts.get(each) !== 1) faults.push(`${what}: ${each} is there ${counts.get(each) ?? 0} times`)
    if (counts.size > expected.length) faults.push(`${what}: ${counts.size} different records, not ${expected.length}`)
  }
  const line = ({ key, value }: Seen): string => `${key} ${value}`
  expectEach(
    'named',
    (await read('named')).map(line),
    ids.map((id) => `c${customerOf(id)} ${id} p${productOf(id)} ${nameOf(customerOf(id))}`),
  )
  expectEach(
    'paid',
    (await read('paid')).map(line),
    ids.map((id) => `${id} p${productOf(id)} ${id * 3}`),
  )
  faults.push(...inOrder('counts', await read('counts'), countsOf(ids)))
  faults.push(...inOrder('totals', await read('totals'), totalsOf(ids)))
  return faults
}

/** Every count from 1 on, in order: a lost or doubled update would leave a gap or come twice. */
function countsOf(ids: readonly number[]): Map<string, string[]> {
  const counts = new Map<string, string[]>()
  for (const id of ids) push(counts, `p${productOf(id)}`, (before) => String(before.length + 1))
  return counts
}

function totalsOf(ids: readonly number[]): Map<string, string[]> {
  const totals = new Map<string, string[]>()
  for (const id of ids)
    push(totals, `c${customerOf(id)}`, (before) => `${before.length + 1} ${Number(before.at(-1)?.split(' ')[1] ?? 0) + id}`)
  return totals
}

function push(map: Map<string, string[]>, key: string, next: (before: readonly string[]) => string): void {
  const before = map.get(key) ?? []
  map.set(key, [...before, next(before)])
}

function inOrder(topic: string, seen: readonly Seen[], expected: ReadonlyMap<string, readonly string[]>): string[] {
  const updates = Map.groupBy(seen, ({ key }) => key!)
  return [...expected].flatMap(([key, values]) => {
    const had = (updates.get(key) ?? []).map(({ value }) => value)
    const at = values.findIndex((value, i) => had[i] !== value)
    if (at === -1 && had.length === values.length) return []
    return [`${topic}: ${key} has ${had.length} updates, not ${values.length}; at ${at} ${had.slice(Math.max(at, 0), at + 3).join(', ')}`]
  })
}
