import test from 'ava'
import { flipBits, image } from '../support/bit-flips.ts'
import { powerStorm } from '../support/power-storm.ts'

test('a broker that loses power at any moment keeps what it promised: acknowledged records, offsets, transactions, topics', async (t) => {
  for (let seed = 1; seed <= 15; seed++) {
    t.deepEqual(
      await powerStorm({ seed, rounds: 3 }),
      [],
      `seed ${seed}; once more: test/soak/power-loss.ts --runs 1 --rounds 3 --seed ${seed}`,
    )
  }
})

for (const clean of [true, false]) {
  test(`a flipped bit in any file of the broker is never served and never silent, ${clean ? 'after a clean stop' : 'after a kill'}`, async (t) => {
    const { faults, named } = await flipBits(await image(clean), 50, clean ? 1 : 2)
    t.deepEqual(faults, [])
    t.true(named > 1)
  })
}
