import test from 'ava'
import fc from 'fast-check'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import type { Assignment } from '../../core/client/assignors/assignor.ts'
import { resolveAssignors } from '../../core/client/assignors/assignors.ts'
import type { AssignorName } from '../../core/client/assignors/assignors.ts'
import { tpKey } from '../../core/index.ts'
import { arbitraryGroup, imbalance, movesOf, ownersIn, racksMissed, type World } from '../support/assignor-worlds.ts'
import { hasJava, javaClasses } from '../support/java-app.ts'

const GROUPS = 1000
const seed = Number(process.env['SEED'] ?? 20_261_126)

const classNames: Readonly<Record<AssignorName, string>> = {
  range: 'RangeAssignor',
  roundrobin: 'RoundRobinAssignor',
  sticky: 'StickyAssignor',
  'cooperative-sticky': 'CooperativeStickyAssignor',
}

/** As Assign.java reads it. */
function lineOf(name: AssignorName, { members, topics }: World): string {
  const layouts = [...topics].map(([topic, racks]) => `${topic}=${racks.map((each) => `${each.join()};`).join('')}`)
  const list = members.map((member) =>
    [
      member.memberId,
      member.groupInstanceId ?? '-',
      member.rackId ?? '-',
      member.generation,
      member.userData?.toString('base64') ?? '-',
      member.topics.join(),
      name === 'sticky' ? '-' : member.ownedPartitions.map(tpKey).join() || '-',
    ].join(' '),
  )
  return [classNames[name], ...layouts, '|', ...list].join('\t')
}

/** What Kafka's assignors say to each group: member to sorted partitions. */
async function askJava(lines: readonly string[]): Promise<(Map<string, string[]> | string)[]> {
  const java = spawn(
    'java',
    ['-Dorg.apache.logging.log4j.level=OFF', '-cp', await javaClasses(), join(import.meta.dirname, '../support/Assign.java')],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  )
  java.stdin.on('error', () => {})
  java.stdin.end(lines.map((line) => `${line}\n`).join(''))
  const output: Buffer[] = []
  java.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  const [code] = (await once(java, 'close')) as [number | null]
  if (code !== 0) throw new Error(`java ended with ${code}`)
  const answers = Buffer.concat(output)
    .toString()
    .split('\n')
    .flatMap((line) => (line.startsWith('answer ') ? line.slice('answer '.length) : []))
  return answers.map((answer) => {
    // Kafka's own assignor has thrown: there is nothing to compare with.
    if (answer.startsWith('failed:')) return answer
    return new Map(
      answer.split('\t').map((each) => {
        const [memberId, list] = each.split(':') as [string, string]
        return [memberId, list === '' ? [] : list.split(',').toSorted()]
      }),
    )
  })
}

const sample = (size: Parameters<typeof arbitraryGroup>[0]): World[] =>
  fc.sample(arbitraryGroup({ ...size, ghosts: false }), { numRuns: GROUPS, seed })
const assignmentOf = (answer: Map<string, string[]>): Assignment => {
  const read = (key: string) => ({ topic: key.slice(0, key.lastIndexOf('-')), partition: Number(key.slice(key.lastIndexOf('-') + 1)) })
  return new Map([...answer].map(([memberId, keys]) => [memberId, keys.map(read)]))
}
const loadsOf = (assignment: Assignment): number[] => [...assignment.values()].map((list) => list.length)

for (const name of ['range', 'roundrobin'] as const) {
  test(`${name} decides as Kafka's does, racks and static members included`, async (t) => {
    if (!(await hasJava(t))) return
    const worlds = sample({ members: 7, partitions: 32, claims: 'none' })
    const answers = await askJava(worlds.map((world) => lineOf(name, world)))
    t.is(answers.length, worlds.length)
    for (const [i, { members, topics }] of worlds.entries()) {
      const ours = resolveAssignors([name])[0]!.assign(members, topics)
      const told = Object.fromEntries([...ours].map(([memberId, list]) => [memberId, list.map(tpKey).toSorted()]))
      t.deepEqual(told, Object.fromEntries(answers[i] as Map<string, string[]>), `group ${i} of seed ${seed}`)
    }
  })
}

for (const racks of [false, true]) {
  test(`sticky is at least as even as Kafka's, and where it is as even it moves no more${racks ? ' to be as near' : ''}`, async (t) => {
    if (!(await hasJava(t))) return
    const worlds = sample({ members: 7, partitions: 32, claims: 'settled', racks })
    const answers = await askJava(worlds.map((world) => lineOf('sticky', world)))
    t.is(answers.length, worlds.length)
    const counts = { same: 0, evener: 0, nearer: 0, fewer: 0 }
    const failures = new Set<string>()
    for (const [i, world] of worlds.entries()) {
      const owners = ownersIn(world.members)
      const measure = (assignment: Assignment) => [
        imbalance(loadsOf(assignment)),
        racksMissed(world, assignment) ?? 0,
        movesOf(assignment, owners),
      ]
      const answer = answers[i]!
      if (typeof answer === 'string') {
        failures.add(answer)
        continue
      }
      const ours = measure(resolveAssignors(['sticky'])[0]!.assign(world.members, world.topics))
      const theirs = measure(assignmentOf(answer))
      const at = ours.findIndex((value, n) => value !== theirs[n])
      t.true(at < 0 || ours[at]! < theirs[at]!, `group ${i} of seed ${seed}: ours ${ours.join()}, Kafka's ${theirs.join()}`)
      counts[(['evener', 'nearer', 'fewer'] as const)[at] ?? 'same']++
    }
    t.log(JSON.stringify(counts), ...failures)
    t.true(Object.values(counts).reduce((a, b) => a + b) > GROUPS / 2)
  })
}

test("cooperative-sticky gives what Kafka's gives in the first round, and holds back as much: nothing that another member owns", async (t) => {
  if (!(await hasJava(t))) return
  const worlds = sample({ members: 7, partitions: 32, claims: 'settled', racks: false })
  const answers = await askJava(worlds.map((world) => lineOf('cooperative-sticky', world)))
  t.is(answers.length, worlds.length)
  let kept = 0
  for (const [i, { members, topics }] of worlds.entries()) {
    const answer = answers[i]!
    if (typeof answer === 'string') continue
    const ours = resolveAssignors(['cooperative-sticky'])[0]!.assign(members, topics)
    const owners = new Map(members.flatMap(({ memberId, ownedPartitions }) => ownedPartitions.map((tp) => [tpKey(tp), memberId] as const)))
    for (const assignment of [ours, assignmentOf(answer)]) t.is(movesOf(assignment, owners), 0, `group ${i} of seed ${seed}`)
    kept += [...ours].reduce((sum, [memberId, list]) => sum + list.filter((tp) => owners.get(tpKey(tp)) === memberId).length, 0)
  }
  t.true(kept > GROUPS)
})
