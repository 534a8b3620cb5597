import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

import { connect, type Client, type Producer } from '../../core/index.ts'
import type { Guarantee } from '../../pipelines/index.ts'
import type { Teardown } from './child-broker.ts'
import { RestartingProcess } from './restarting-process.ts'
import { ShopAudit } from './shop-audit.ts'
import { accountOf, ACCOUNTS, ownerOf, timeOf, TOPICS } from './shop-jobs.ts'
import type { ShopOptions } from './shop-process.ts'
import { startScript } from './start-script.ts'

export const SHOP_FAULTS = ['kill', 'freeze', 'rebalance', 'broker', 'slow-sink', 'fail'] as const
export type ShopFault = (typeof SHOP_FAULTS)[number]

/** The broker that the shop runs on. */
export interface ShopBroker {
  readonly bootstrap: string
  /** kill -9, and a start on the same folder. */
  restart(): Promise<void>
  freeze(): void
  thaw(): void
}

export interface ShopPlan {
  /** For what processes are told by files. */
  readonly dir: string
  readonly broker: ShopBroker
  readonly rounds: number
  /** One in each round, in turn. */
  readonly faults: readonly ShopFault[]
  readonly random: () => number
  readonly guarantee?: Guarantee
  readonly log?: (line: string) => void
}

const PARTITIONS = 4
const INSTANCES = ['a', 'b', 'c']
const SESSION_MS = 1500
const RECORDS_PER_ROUND = 400
const RECORDS_PER_TRANSACTION = 40
const ABORT_SHARE = 0.15
/** Nothing comes out any more for so long: something hangs. */
const STUCK_MS = 90_000

/**
 * Runs the shop in three processes, with standby replicas, while records are written in transactions, some of which are aborted, and one fault
 * after the other is made.
 *
 * @returns everything in which the output differs from what the input asks for; empty when it is exact
 */
export async function shopUnderFaults(t: Teardown, plan: ShopPlan): Promise<string[]> {
  const shop = await Shop.open(t, plan)
  const { log = () => {} } = plan
  for (let round = 0; round < plan.rounds; round++) {
    const fault = plan.faults[round % plan.faults.length]!
    const [, hit] = await Promise.all([shop.write(), shop.make(fault)])
    const faults = await shop.catchUp()
    log(`round ${round + 1}: ${fault}${hit === '' ? '' : ` of ${hit}`}; ${shop.audit.summary}`)
    if (faults.length > 0) return faults
  }
  return await shop.finish()
}

class Shop {
  readonly audit: ShopAudit
  readonly #plan: ShopPlan
  readonly #producer: Producer
  readonly #processes: Map<string, RestartingProcess>
  readonly #faults: string[]
  #n: number

  private constructor(plan: ShopPlan, client: Client) {
    this.#plan = plan
    this.audit = ShopAudit.open(client, PARTITIONS)
    this.#producer = client.producer({ transactionalId: 'shop-writer', lingerMs: 0, maxBlockMs: 600_000 })
    this.#processes = new Map()
    this.#faults = []
    this.#n = 0
  }

  static async open(t: Teardown, plan: ShopPlan): Promise<Shop> {
    const client = await connect(plan.broker.bootstrap, { requestTimeoutMs: 5000, bootstrapTimeoutMs: 600_000 })
    t.teardown(() => client.close())
    await client.admin.createTopics(TOPICS.map((name) => ({ name, partitions: PARTITIONS })))
    const shop = new Shop(plan, client)
    t.teardown(() => shop.#end())
    await shop.#producer.init()
    await shop.#writeAccounts()
    // What is joined with a row that comes later has not met it: the table is whole before the first event comes.
    await shop.#drain(['a'])
    for (const id of INSTANCES) shop.#start(id)
    return shop
  }

  /** Records in transactions of some, with pauses; the numbers of those that are aborted are used up. */
  async write(): Promise<void> {
    const { random } = this.#plan
    for (const end = this.#n + RECORDS_PER_ROUND; this.#n < end;) {
      const numbers = Array.from({ length: RECORDS_PER_TRANSACTION }, () => this.#n++)
      const aborts = random() < ABORT_SHARE
      await this.#inTransaction(numbers, aborts)
      if (!aborts) for (const n of numbers) this.audit.given({ n, amount: amountOf(n) })
      await wait(random() * 60)
    }
  }

  /** @returns who was hit */
  async make(fault: ShopFault): Promise<string> {
    const { random, broker, dir } = this.#plan
    await wait(random() * 400)
    const hit = INSTANCES[Math.floor(random() * INSTANCES.length)]!
    const process = this.#processes.get(hit)!
    switch (fault) {
      case 'kill':
        process.kill()
        return hit
      case 'freeze':
        // Shorter and longer than its session: others may have its partitions when it goes on.
        process.freeze()
        await wait(SESSION_MS * (0.3 + 2 * random()))
        process.thaw()
        return hit
      case 'rebalance':
        // One more for a while, and one less.
        this.#start('d')
        await wait(400 + random() * 800)
        await this.#processes.get('d')!.end('SIGTERM')
        this.#processes.delete('d')
        return ''
      case 'broker':
        await broker.restart()
        return ''
      case 'slow-sink':
        await writeFile(join(dir, 'slow'), '')
        broker.freeze()
        await wait(300 + random() * 700)
        broker.thaw()
        await wait(300)
        await rm(join(dir, 'slow'))
        return ''
      case 'fail':
        await writeFile(join(dir, 'failing'), '')
        await wait(500 + random() * 1000)
        await rm(join(dir, 'failing'))
        return ''
    }
  }

  /** Waits until all that was given has come out. @returns what is wrong */
  async catchUp(): Promise<string[]> {
    let before = ''
    for (let last = performance.now(); !(await this.audit.look()) && this.#faults.length === 0;) {
      if (this.audit.summary !== before) {
        before = this.audit.summary
        last = performance.now()
      } else if (performance.now() - last > STUCK_MS) {
        this.#faults.push(`nothing has come for ${STUCK_MS / 1000} s: ${this.audit.summary}`)
      }
    }
    // A double would come right behind.
    for (const until = performance.now() + 100; performance.now() < until;) await this.audit.look()
    return [...this.#faults, ...this.audit.faults(false)]
  }

  /** All stop in order and run to the end, which closes the last windows. */
  async finish(): Promise<string[]> {
    await Promise.all([...this.#processes.values()].map((process) => process.end('SIGTERM')))
    await this.#drain(INSTANCES)
    const faults = await this.catchUp()
    return faults.length > 0 ? faults : this.audit.faults(true)
  }

  /** Runs to the end of what there is. */
  async #drain(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => once(this.#launch(id, true), 'exit')))
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#processes.values()].map((process) => process.end()))
    await this.#producer.close(0).catch(() => {})
    await this.audit.close()
  }

  async #writeAccounts(): Promise<void> {
    this.#producer.begin()
    for (let i = 0; i < ACCOUNTS; i++) {
      const key = `a${i}`
      await this.#producer.send({ topic: 'accounts', key, value: ownerOf(key), timestamp: 1 })
    }
    await this.#producer.commit()
  }

  /** Until it is known how it has ended: a broker that was killed answers that later. */
  async #inTransaction(numbers: readonly number[], aborts: boolean): Promise<void> {
    this.#producer.begin()
    const sent = numbers.map((n) =>
      this.#producer.send({ topic: 'events', key: accountOf(n), value: JSON.stringify({ n, amount: amountOf(n) }), timestamp: timeOf(n) }),
    )
    await Promise.all(sent)
    await (aborts ? this.#producer.abort() : this.#producer.commit())
  }

  #start(id: string): void {
    const { log = () => {} } = this.#plan
    const onLine = (line: string): void => {
      if (line.startsWith('WRONG')) this.#faults.push(`${id}: ${line}`)
      if (line.startsWith('failed') && !line.includes('told to fail')) log(`${id}: ${line}`)
    }
    this.#processes.set(id, new RestartingProcess(id, () => this.#launch(id, false), onLine))
  }

  #launch(instanceId: string, drain: boolean) {
    const { broker, dir, guarantee = 'exactly-once' } = this.#plan
    const options: ShopOptions = {
      bootstrap: broker.bootstrap,
      instanceId,
      guarantee,
      sessionTimeoutMs: SESSION_MS,
      slow: join(dir, 'slow'),
      failing: join(dir, 'failing'),
      drain,
    }
    return startScript('shop-process.ts', options)
  }
}

function amountOf(n: number): number {
  return (n % 10) + 1
}
