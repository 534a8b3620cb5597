import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { connect } from '../../core/index.ts'
import { readAll, valuesOf } from './client-kit.ts'
import { confluentKafka } from './confluent-kafka.ts'
import { Fates } from './fates.ts'
import { kafkaJar, mavenJar } from './kafka-jars.ts'
import { checkOffsets, holdingProxy, lateByName, type LateOptions, type LateResult, PARTITIONS, TOPIC } from './late-requests.ts'
import { kafkaLibs } from './start-kafka.ts'

/** Clients that others have written: v1 of Java is that of Kafka 3.9, as librdkafka it knows nothing else. */
export type ForeignClient = 'librdkafka' | 'java-v1' | 'java-v2'

/** As {@link lateRequests}, with a client of others in processes of its own. */
export async function foreignLateRequests(client: ForeignClient, options: LateOptions): Promise<LateResult> {
  const direct = await connect(`127.0.0.1:${options.port}`)
  const proxy = await holdingProxy(options)
  const fates = new Fates()
  const faults: string[] = []
  const renewed: Record<string, number> = {}
  const heard = (line: string): void => {
    const [step, name] = line.split(' ') as ['open' | 'ending' | 'committed' | 'aborted' | 'renewed', string]
    if (step === 'renewed') renewed[name] = (renewed[name] ?? 0) + 1
    else if (step === 'open')
      fates.begin(
        name,
        Array.from({ length: PARTITIONS }, (_, i) => `${name}/${i}`),
      )
    else fates.note(name, step)
  }
  try {
    await direct.admin.createTopics([{ name: TOPIC, partitions: PARTITIONS, configs: {} }])
    const ids = Array.from({ length: options.producers }, (_, i) => `p${i}`)
    const children = await start(client, options, proxy.port, ids)
    const codes = await Promise.all(
      children.map(async (child) => {
        createInterface(child.stdout!).on('line', heard)
        return (await once(child, 'close'))[0] as number | null
      }),
    )
    for (const code of codes) if (code !== 0) faults.push(`a client ended with ${code}`)
    await proxy.calm()
    for (const transactionalId of ids) await direct.producer({ transactionalId }).init()
    await checkOffsets(direct, ids, fates, faults)
    faults.push(...fates.check(valuesOf(await readAll(direct, TOPIC, PARTITIONS)).map(String)))
    const { lostAnswers } = proxy
    return { faults, committed: fates.count('committed'), aborted: fates.count('aborted'), late: lateByName(proxy), lostAnswers, renewed }
  } finally {
    await proxy.close()
    await direct.close()
  }
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
