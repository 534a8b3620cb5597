import { ChildBroker, type Teardown } from './child-broker.ts'
import type { ShopBroker } from './shop-rig.ts'
import { formatKafka } from './start-kafka.ts'

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

/** Apache Kafka. @throws Error when java or its jars cannot be had */
export async function kafkaForShop(t: Teardown): Promise<ShopBroker> {
  const node = await formatKafka({ config: SETTINGS })
  t.teardown(() => node.remove())
  let started = node.start()
  t.teardown(() => started.kill())
  await started.ready
  return {
    bootstrap: node.bootstrap,
    async restart() {
      await started.kill()
      started = node.start()
      await started.ready
    },
    freeze: () => started.pause(),
    thaw: () => started.resume(),
  }
}
