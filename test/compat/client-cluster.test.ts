import { setTimeout as wait } from 'node:timers/promises'

import test from 'ava'

import { connect } from '../../core/index.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import type { Env } from '../support/client-kit.ts'
import { SESSION_MS, startKafkaCluster } from '../support/kafka-cluster.ts'
import { moveLeaders } from '../support/move-leaders.ts'
import { startFlow } from '../support/numbered-flow.ts'

test.serial(
  'leaders and coordinators move, brokers are killed, asked to end and frozen, partitions are added: nothing is lost, doubled or out of order',
  async (t) => {
    const kafka = await startKafkaCluster(t)
    if (kafka === undefined) return
    const { bootstrap, nodes } = kafka
    const env: Env = { connect: (options) => connect(bootstrap, options), dialer: tcpDialer() }
    const flow = await startFlow(t, env, { partitions: 3, partitionsMax: 6 })
    const begun = performance.now()
    const done = async (what: string): Promise<void> => {
      await flow.progress(150)
      t.log(`${((performance.now() - begun) / 1000).toFixed(1)} s: ${what}`)
    }
    await done('it runs')
    for (const to of [2, 3]) {
      for (const topic of [flow.numbers, flow.copies, '__consumer_offsets', '__transaction_state']) await moveLeaders(bootstrap, topic, to)
      await done(`broker ${to} leads and coordinates everything`)
    }
    await nodes[2]!.kill()
    await done('it was killed')
    await nodes[2]!.start()
    await flow.client.admin.createPartitions(flow.numbers, 6)
    flow.widen(6)
    await done('it is back, and three partitions were added')
    for (const topic of [flow.numbers, flow.copies, '__consumer_offsets', '__transaction_state']) await moveLeaders(bootstrap, topic, 2)
    await done('broker 2 leads and coordinates everything')
    nodes[1]!.pause()
    await wait(SESSION_MS + 1000)
    nodes[1]!.resume()
    await done('it was frozen until others had taken its place')
    await nodes[1]!.terminate()
    await done('it ended when it was asked to')
    await nodes[1]!.start()
    await done('it is back')
    t.deepEqual(await flow.finish(), [])
  },
)
