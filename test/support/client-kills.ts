import { connect } from '../../core/index.ts'
import type { Client } from '../../core/index.ts'
import { ChildBroker } from './child-broker.ts'
import { readAll } from './client-kit.ts'
import type { ClientProgram } from './client-program.ts'
import type { Program, Teardown } from './program.ts'

const PARTITIONS = 3
/** Starts of a copier beyond one for each kill: those that ended because the broker was killed under a transaction. */
const SPARE_STARTS = 10

/** A broker in a process of its own and a client of ours to audit it with. */
export interface Stage {
  readonly t: Teardown
  readonly broker: ChildBroker
  readonly client: Client
  readonly bootstrap: string
}

export async function stage(t: Teardown, dir: string): Promise<Stage> {
  const broker = new ChildBroker(t, dir, { 'offsets.topic.num.partitions': 2, 'transaction.state.log.num.partitions': 2 })
  await broker.start()
  const bootstrap = `127.0.0.1:${broker.port}`
  const client = await connect(bootstrap, { retryBackoffMs: 10, retryBackoffMaxMs: 100 })
  t.teardown(() => client.close())
  return { t, broker, client, bootstrap }
}

export async function topic(at: Stage, name: string): Promise<string> {
  await at.client.admin.createTopics([{ name, partitions: PARTITIONS }])
  return name
}

/** The program writes numbers [from, to); whatever is wrong with how it ends is thrown. */
export async function produceWith(at: Stage, program: ClientProgram, name: string, from: number, to: number): Promise<void> {
  const producer = program.start(at.t, at.bootstrap, 'produce', [name, PARTITIONS, from, to])
  await producer.finish()
}

/** All committed records of each partition as they lie there, as numbers. */
export async function numbersIn(at: Stage, name: string): Promise<number[][]> {
  const seen = await readAll(at.client, name, PARTITIONS)
  return Array.from({ length: PARTITIONS }, (_, partition) =>
    seen.filter((each) => each.partition === partition).map(({ value }) => Number(value)),
  )
}

/** What {@link produceWith} writes: exact and in order. */
export function numbersFor(count: number): number[][] {
  const all = Array.from({ length: count }, (_, n) => n)
  return Array.from({ length: PARTITIONS }, (_, partition) => all.filter((n) => n % PARTITIONS === partition))
}

export interface Member {
  readonly program: Program
  /** `TOPIC-PARTITION OFFSET VALUE` */
  readonly read: string[]
  readonly partitions: Set<string>
}

export function memberOf(at: Stage, program: ClientProgram, name: string, group: string): Member {
  const read: string[] = []
  const partitions = new Set<string>()
  const note = (line: string): void => {
    if (!line.startsWith('read ')) return
    read.push(line.slice(5))
    partitions.add(line.split(' ')[1]!)
  }
  return { program: program.start(at.t, at.bootstrap, 'consume', [name, group], note), read, partitions }
}

export type CopierKill = 'copier' | 'broker'

export interface CopyPlan {
  source: string
  target: string
  records: number
  /** What is killed with -9, each time after some more has been copied. */
  kills: readonly CopierKill[]
  random: () => number
  log?: (line: string) => void
}

/** Copies all records while copier and broker are killed; the copier is started again when it is killed, or ends because it has to. */
export async function copyUnderKills(at: Stage, client: ClientProgram, plan: CopyPlan): Promise<void> {
  const { source, target, records, kills, random, log = () => {} } = plan
  let copied = 0
  let starts = 0
  const start = (): Program => {
    if (++starts > kills.length + SPARE_STARTS) throw new Error(`${client.name}: too many copiers have ended\n${copier.said}`)
    return client.start(at.t, at.bootstrap, 'copy', [source, target, 'copiers', 'copier'], (line) => {
      if (line.startsWith('copied ')) copied += Number(line.split(' ')[1])
      else log(line)
    })
  }
  let copier = start()
  const comesTo = async (count: () => Promise<number> | number, wanted: number): Promise<void> => {
    for (const end = Date.now() + 120_000; (await count()) < wanted;) {
      if (Date.now() > end) throw new Error(`${client.name}: ${await count()} of ${wanted} are copied\n${copier.said}`)
      if (!copier.running) copier = start()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const slice = Math.floor(records / (kills.length + 1))
  for (const what of kills) {
    await comesTo(() => copied, copied + 1 + Math.floor(random() * slice))
    log(`kill the ${what} at about ${copied}`)
    if (what === 'copier') await copier.end('SIGKILL')
    else {
      await at.broker.kill()
      await at.broker.start()
    }
  }
  const committed = async (): Promise<number> => (await numbersIn(at, target)).flat().length
  await comesTo(committed, records)
  await copier.end('SIGTERM')
}
