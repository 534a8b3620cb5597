import test, { type ExecutionContext } from 'ava'

import { copyUnderKills, memberOf, numbersFor, numbersIn, produceWith, stage, topic, type Stage } from '../support/client-kills.ts'
import { type ClientName, type ClientProgram, clientPrograms } from '../support/client-program.ts'
import { missing } from '../support/missing.ts'
import { seededNumbers } from '../support/seeded-numbers.ts'
import { tempDir } from '../support/start-broker.ts'

/** Clients of other languages and makers as programs: see support/client-program.ts for what they do. */

const RECORDS = 3000

async function withProgram(
  t: ExecutionContext,
  name: ClientName,
  scenario: (at: Stage, program: ClientProgram) => Promise<void>,
): Promise<void> {
  let program: ClientProgram
  try {
    program = await clientPrograms[name]()
  } catch (error) {
    return missing(t, name, error)
  }
  await scenario(await stage(t, await tempDir(t)), program)
}

for (const name of Object.keys(clientPrograms) as ClientName[]) {
  test.serial(`${name} writes; its members of a group share, take over from one that is killed, and outlive the broker`, (t) =>
    withProgram(t, name, async (at, program) => {
      await topic(at, 'in')
      await produceWith(at, program, 'in', 0, RECORDS)
      t.deepEqual(await numbersIn(at, 'in'), numbersFor(RECORDS), 'once and in order')

      const one = memberOf(at, program, 'in', 'g')
      const two = memberOf(at, program, 'in', 'g')
      const members = [one, two]
      const all = (count: number) => (): boolean => new Set(members.flatMap(({ read }) => read)).size === count
      await one.program.until('they have read everything', all(RECORDS))
      let written = RECORDS
      const more = async (count: number): Promise<void> => {
        await produceWith(at, program, 'in', written, (written += count))
      }
      const fresh = (): void => members.forEach(({ partitions }) => partitions.clear())
      const share = async (): Promise<boolean> => {
        if (one.partitions.size > 0 && two.partitions.size > 0) return true
        await more(30)
        return false
      }
      fresh()
      await one.program.until('both have partitions', share)
      await two.program.end('SIGKILL')
      fresh()
      await more(300)
      await one.program.until('the other one takes over', all(written))
      t.deepEqual([...one.partitions].toSorted(), ['in-0', 'in-1', 'in-2'])

      await at.broker.kill()
      await at.broker.start()
      await more(300)
      await one.program.until('it reads on when the broker is back', all(written))
      await one.program.end('SIGTERM')
      t.regex(one.program.said, /^closed$/m)
      const after = memberOf(at, program, 'in', 'g')
      members.push(after)
      await more(30)
      await after.program.until('another one goes on', all(written))
      t.is(after.read.length, 30, 'where the one that left has stopped')
      t.deepEqual(await numbersIn(at, 'in'), numbersFor(written))
      const expected = numbersFor(written).flatMap((numbers, partition) => numbers.map((n, offset) => `in-${partition} ${offset} ${n}`))
      t.deepEqual([...new Set(members.flatMap(({ read }) => read))].toSorted(), expected.toSorted())
    }),
  )

  if (name === 'segmentio') continue
  test.serial(`${name} copies in transactions, some of them aborted, while it and the broker are killed: each record once, in order`, (t) =>
    withProgram(t, name, async (at, program) => {
      await topic(at, 'in')
      await topic(at, 'out')
      await produceWith(at, program, 'in', 0, RECORDS)
      await copyUnderKills(at, program, {
        source: 'in',
        target: 'out',
        records: RECORDS,
        kills: ['copier', 'broker', 'copier'],
        random: seededNumbers(1),
        log: (line) => /kill|failed/.test(line) && t.log(line),
      })
      t.deepEqual(await numbersIn(at, 'out'), numbersFor(RECORDS))
    }),
  )
}
