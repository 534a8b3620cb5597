import test from 'ava'

import { missing } from '../support/missing.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { kafkaForShop } from '../support/shop-brokers.ts'
import { SHOP_FAULTS, shopUnderFaults, type ShopBroker } from '../support/shop-rig.ts'
import { tempDir } from '../support/start-broker.ts'

/** The short version of test/soak/pipelines-kill.ts --kafka. */
test('on Apache Kafka: processes killed, frozen and joined, a broker killed and slow, operators that fail: each record counts once', async (t) => {
  let broker: ShopBroker
  try {
    broker = await kafkaForShop(t)
  } catch (error) {
    return missing(t, 'Apache Kafka (java and mvn are needed)', error)
  }
  const log = (line: string): void => t.log(line)
  const dir = await tempDir(t)
  t.deepEqual(await shopUnderFaults(t, { dir, broker, rounds: 6, faults: SHOP_FAULTS, random: seededNumbers(8), log }), [])
})
