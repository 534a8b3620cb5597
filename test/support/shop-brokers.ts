import { ChildBroker, type Teardown } from './child-broker.ts'
import { launchKafkaCluster } from './kafka-cluster.ts'
import type { ShopBroker } from './shop-rig.ts'

const SETTINGS = {
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'group.min.session.timeout.ms': '500',
  'group.initial.rebalance.delay.ms': '0',
  // The records are of years ago.
  'log.retention.ms': '-1',
}

/** Ours, in a process of its own. */
export async function moldauForShop(t: Teardown, dir: string): Promise<ShopBroker> {
  const broker = new ChildBroker(t, dir, SETTINGS)
  await broker.start()
  return {
    bootstrap: `127.0.0.1:${broker.port}`,
    async restart() {
      await broker.kill()
      await broker.start()
    },
    freeze: () => broker.freeze(),
    thaw: () => broker.thaw(),
  }
}

/**
 * Apache Kafka: three brokers, of which one is killed or slow at a time. (One by itself breaks transactions when it is killed in the middle of
 * their end: test/soak/README.md.)
 *
 * @throws Error when java or its jars cannot be had
 */
export async function kafkaForShop(t: Teardown): Promise<ShopBroker> {
  const { bootstrap, nodes, stop } = await launchKafkaCluster({ config: SETTINGS })
  t.teardown(stop)
  // Node 1 is the controller.
  let kills = 0
  return {
    bootstrap,
    async restart() {
      const node = nodes[1 + (kills++ % 2)]!
      await node.kill()
      await node.start()
    },
    freeze: () => nodes[1]!.pause(),
    thaw: () => nodes[1]!.resume(),
  }
}
