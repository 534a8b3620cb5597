import test from 'ava'

import { seededNumbers } from '../support/seeded-numbers.ts'
import { moldauForShop } from '../support/shop-brokers.ts'
import { SHOP_FAULTS, shopUnderFaults } from '../support/shop-rig.ts'
import { tempDir } from '../support/start-broker.ts'

/** The short version of test/soak/pipelines-kill.ts. */
test('processes killed, frozen and joined, a broker killed and slow, operators that fail: each record counts once', async (t) => {
  t.timeout(180_000)
  const dir = await tempDir(t)
  const broker = await moldauForShop(t, `${dir}/broker`)
  const log = (line: string): void => t.log(line)
  t.deepEqual(await shopUnderFaults(t, { dir, broker, rounds: 6, faults: SHOP_FAULTS, random: seededNumbers(7), log }), [])
})
