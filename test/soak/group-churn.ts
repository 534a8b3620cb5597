/**
 * Fifty members of a group come, go and die at random, static and dynamic ones, and the broker is killed with -9: no offset may be committed
 * twice or left out. Prints how long the group took to come to rest.
 *
 *   npx node --conditions=moldau-source test/soak/group-churn.ts [--rounds 3] [--members 50] [--partitions 100] [--changes 60] [--seed 1]
 */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { FindCoordinator } from '../../core/protocol/messages/find-coordinator.ts'
import { ChildBroker } from '../support/child-broker.ts'
import { churn } from '../support/group-churn.ts'
import { createTopic } from '../support/wire.ts'
import { Tally } from './tally.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    members: { type: 'string', default: '50' },
    partitions: { type: 'string', default: '100' },
    changes: { type: 'string', default: '60' },
    'restart-every': { type: 'string', default: '15' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const config = {
  durability: 'page-cache',
  'group.consumer.min.session.timeout.ms': 100,
  'group.consumer.session.timeout.ms': 3000,
  'group.consumer.min.heartbeat.interval.ms': 10,
  'group.consumer.heartbeat.interval.ms': 20,
}
console.log(`seed ${values.seed}`)
const tally = new Tally()
for (let round = 0; round < Number(values.rounds); round++) {
  const dir = await mkdtemp(join(tmpdir(), 'moldau-churn-'))
  const partitions = Number(values.partitions)
  const ends: (() => unknown)[] = []
  const broker = new ChildBroker({ teardown: (end) => void ends.push(end) }, dir, config)
  await broker.start()
  const channel = await broker.open()
  const topicId = await createTopic(channel, 't', partitions)
  await channel.request(FindCoordinator, 4, { keyType: 0, coordinatorKeys: ['churn'] })
  const restart = async (): Promise<void> => {
    await broker.kill()
    await broker.start()
  }
  const { faults, commits, joins, settled } = await churn({
    port: broker.port,
    topicId,
    partitions,
    members: Number(values.members),
    seed: Number(values.seed) + round,
    changes: Number(values.changes),
    sessionMs: 3000,
    restart,
    restartEvery: Number(values['restart-every']),
  })
  for (const end of ends) await end()
  const sorted = settled.toSorted((a, b) => a - b)
  const at = (share: number): string => `${(sorted[Math.floor((sorted.length - 1) * share)]! / 1000).toFixed(2)} s`
  console.log(
    `round ${round}: ${joins} joins, ${commits} commits, at rest after ${at(0.5)} (median), ${at(1)} (longest); ${faults.length === 0 ? 'exact' : 'WRONG'}`,
  )
  await tally.note(faults, dir)
}
tally.end()
