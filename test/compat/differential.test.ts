import test from 'ava'

import { brokerDifferences, describeAll, topicDifferences } from '../support/compare-configs.ts'
import { explained } from '../support/differential-explained.ts'
import { randomStep } from '../support/differential-steps.ts'
import type { Pick } from '../support/differential-steps.ts'
import { prepareTransactions, runStep } from '../support/differential.ts'
import type { Difference, Side } from '../support/differential.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { startBroker } from '../support/start-broker.ts'
import { startKafka } from '../support/start-kafka.ts'
import { channelTo } from '../support/wire.ts'

/** Replays a run: `SEED=7 STEPS=5000 npx ava --config compat.config.js test/compat/differential.test.ts`. */
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9))
const STEPS = Number(process.env['STEPS'] ?? 1500)

/** More than these say nothing new. */
const FOUND_MAX = 40

/** What both brokers are told, where their defaults differ. */
const SETTINGS = {
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'log.retention.hours': '100',
}

/** Retention would begin after half a minute. */
const ONLY_KAFKA = { 'log.initial.task.delay.ms': '3600000' }

test('the same requests in the same order get the same answers from our broker and from Kafka, but for what is explained', async (t) => {
  const kafka = await startKafka(t, { config: { ...SETTINGS, ...ONLY_KAFKA } })
  if (kafka === undefined) return
  const broker = await startBroker(t, { config: SETTINGS })
  const side = async (address: string): Promise<Side> => ({ channel: await channelTo(t, address), ids: new Map() })
  const [ours, theirs] = [await side(broker.bootstrap), await side(kafka.bootstrap)]
  const described = [await describeAll(ours.channel), await describeAll(theirs.channel)] as const
  t.deepEqual(topicDifferences(described[0].topic, described[1].topic), [], 'the settings of topics')
  t.deepEqual(brokerDifferences(described[0].broker, described[1].broker), [], 'the settings of brokers')
  t.log(`${described[0].topic.size} settings of topics, ${described[0].broker.size} of brokers; SEED=${SEED} STEPS=${STEPS}`)
  await prepareTransactions(ours)
  await prepareTransactions(theirs)
  const random = seededNumbers(SEED)
  const pick: Pick = (...from) => from[Math.floor(random() * from.length)]!
  const found: (Difference & { step: number; request: string })[] = []
  for (let i = 0; i < STEPS; i++) {
    const step = randomStep(pick)
    const differences = await runStep(step, ours, theirs, (difference) => explained(difference) !== undefined)
    const request = JSON.stringify(step.body(ours)).slice(0, 600)
    for (const difference of differences) found.push({ ...difference, step: i, request })
    if (found.length > FOUND_MAX) break
  }
  t.deepEqual(found, [], `SEED=${SEED}: differences that nobody has explained`)
})
