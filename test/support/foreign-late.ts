import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { confluentKafka } from './confluent-kafka.ts'
import { kafkaJar, mavenJar } from './kafka-jars.ts'
import { type LateOptions, type LateResult, PARTITIONS, TOPIC, withLateRequests } from './late-requests.ts'
import { kafkaLibs } from './start-kafka.ts'

/** Clients that others have written: v1 of Java is that of Kafka 3.9, as librdkafka it knows nothing else. */
export type ForeignClient = 'librdkafka' | 'java-v1' | 'java-v2'

/** {@link withLateRequests} with a client of others in processes of its own. */
export function foreignLateRequests(client: ForeignClient, options: LateOptions): Promise<LateResult> {
  return withLateRequests(options, async ({ proxyPort, fates, faults, ids, renew }) => {
    const heard = (line: string): void => {
      const [step, name] = line.split(' ') as ['open' | 'ending' | 'committed' | 'aborted' | 'renewed', string]
      if (step === 'renewed') renew(name)
      else if (step === 'open')
        fates.begin(
          name,
          Array.from({ length: PARTITIONS }, (_, i) => `${name}/${i}`),
        )
      else fates.note(name, step)
    }
    const children = await start(client, options, proxyPort, ids)
    const codes = await Promise.all(
      children.map(async (child) => {
        createInterface(child.stdout!).on('line', heard)
        return (await once(child, 'close'))[0] as number | null
      }),
    )
    for (const code of codes) if (code !== 0) faults.push(`a client ended with ${code}`)
  })
}

async function start(client: ForeignClient, options: LateOptions, port: number, ids: readonly string[]): Promise<ChildProcess[]> {
  const each = String(Math.ceil(options.transactions / ids.length))
  const rest = [each, String(options.requestTimeoutMs), String(options.seed)]
  const common = [`127.0.0.1:${port}`, TOPIC, String(PARTITIONS)]
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore']
  if (client === 'librdkafka') {
    const python = await confluentKafka()
    const script = join(import.meta.dirname, 'late-producer.py')
    return ids.map((id) => spawn(python, [script, ...common, id, ...rest], { stdio }))
  }
  const program = join(import.meta.dirname, 'LateProducer.java')
  const path = client === 'java-v2' ? join(await kafkaLibs(), '*') : await olderClient()
  return [spawn('java', ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-cp', path, program, ...common, ids.join(), ...rest], { stdio })]
}

/** The client of Kafka 3.9, which speaks transactions v1, and what it logs with. */
async function olderClient(): Promise<string> {
  const clients = await kafkaJar('kafka-clients', '3.9.1')
  return [clients, await mavenJar('org.slf4j', 'slf4j-api', '1.7.36')].join(':')
}
