import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { javaClasses, startJava } from './java-app.ts'
import type { Program, Teardown } from './program.ts'
import { freePort } from './start-kafka.ts'

/** Connectors are looked up by the manifests in their jars: to read every class on the path takes many seconds. */
export const QUICK_DISCOVERY = 'service_load'

/** A worker of Kafka Connect in distributed mode, to be killed and started again; asked by its REST interface. */
export class ConnectWorker {
  readonly #t: Teardown
  readonly #dir: string
  readonly #settings: Readonly<Record<string, string>>
  readonly #log: (line: string) => void
  #port: number
  #program: Program | undefined

  constructor(t: Teardown, dir: string, bootstrap: string, log: (line: string) => void = () => {}) {
    this.#t = t
    this.#dir = dir
    this.#log = log
    this.#port = 0
    this.#program = undefined
    this.#settings = {
      'bootstrap.servers': bootstrap,
      'group.id': 'connect',
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'exactly.once.source.support': 'enabled',
      'plugin.discovery': QUICK_DISCOVERY,
      'offset.flush.interval.ms': '500',
      'session.timeout.ms': '6000',
      'heartbeat.interval.ms': '500',
      'consumer.session.timeout.ms': '6000',
      'consumer.heartbeat.interval.ms': '500',
      // A worker that is gone does not come back under its old id: its tasks are not kept for it.
      'scheduled.rebalance.max.delay.ms': '0',
      'offset.storage.partitions': '2',
      'status.storage.partitions': '2',
      ...storage('config'),
      ...storage('offset'),
      ...storage('status'),
    }
  }

  async start(): Promise<void> {
    await mkdir(this.#dir, { recursive: true })
    this.#port = await freePort()
    const file = join(this.#dir, 'worker.properties')
    const settings = { ...this.#settings, listeners: `http://127.0.0.1:${this.#port}` }
    await writeFile(file, properties(settings))
    const classes = await javaClasses()
    const className = 'org.apache.kafka.connect.cli.ConnectDistributed'
    this.#program = await startJava(this.#t, { classes, dir: this.#dir, className, args: [file] }, this.#log)
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#program!.end(signal)
  }

  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    return this.#program!.until(what, holds, 120_000)
  }

  /** Creates a connector, or changes its settings; a worker that is starting or rebalancing is asked again. */
  async put(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    let said = ''
    await this.until(`the connector ${name} is taken`, async () => {
      const headers = { 'content-type': 'application/json' }
      const answer = await this.#ask(`/connectors/${name}/config`, { method: 'PUT', headers, body: JSON.stringify(config) })
      if (answer?.ok === true) return true
      said = answer === undefined ? said : await answer.text()
      if (answer?.status === 400) throw new Error(said)
      return false
    })
  }

  /** The states of the connector and its tasks; empty where it cannot be told now. */
  async states(name: string): Promise<string[]> {
    const answer = await this.#ask(`/connectors/${name}/status`)
    if (answer?.ok !== true) return []
    const { connector, tasks } = (await answer.json()) as { connector: { state: string }; tasks: { state: string }[] }
    return [connector, ...tasks].map(({ state }) => state)
  }

  async #ask(path: string, options: RequestInit = {}): Promise<Response | undefined> {
    return fetch(`http://127.0.0.1:${this.#port}${path}`, options).catch(() => undefined)
  }
}

function storage(name: string): Record<string, string> {
  return { [`${name}.storage.topic`]: `connect-${name}`, [`${name}.storage.replication.factor`]: '1' }
}

/** The text of a properties file. */
export function properties(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}
