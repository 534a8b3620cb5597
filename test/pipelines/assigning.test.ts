import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import type { AssignedMember } from '../../core/client/assignors/assignor.ts'
import { tpKey } from '../../core/cluster/topic-partition.ts'
import { assignGroup } from '../../pipelines/assign/assign-group.ts'
import { type GroupModelOptions, type PartModel, TaskGroup } from '../support/task-group.ts'

const anyPart = fc.record({ topics: fc.integer({ min: 1, max: 3 }), partitions: fc.integer({ min: 1, max: 9 }), stateful: fc.boolean() })
const anyParts = fc
  .array(anyPart, { minLength: 1, maxLength: 4 })
  .map((parts) =>
    parts.map(({ topics, ...part }, i): PartModel => ({ ...part, topics: Array.from({ length: topics }, (_, j) => `t${i}-${j}`) })),
  )
const anyOptions = fc.record({
  parts: anyParts,
  standbys: fc.integer({ min: 0, max: 2 }),
  stateRecords: fc.constantFrom(0, 100, 1_000_000),
})

/** Members come and go by their number: one that is there goes, unless it is the last. */
const anyChurn = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 12 })
const nameOf = (n: number) => `i${n}`

function groupOf(options: GroupModelOptions, members: number): TaskGroup {
  const group = new TaskGroup(options)
  for (let n = 0; n < members; n++) group.join(nameOf(n))
  return group
}

const loads = (group: TaskGroup) => [...group.members.values()].map(({ previous }) => new Set(tasksOf(group, previous)).size)

/** Tasks named by part and partition. */
function tasksOf({ options }: TaskGroup, partitions: readonly { topic: string; partition: number }[]): string[] {
  return partitions.map(({ topic, partition }) => `${options.parts.findIndex(({ topics }) => topics.includes(topic))} ${partition}`)
}

function owners(group: TaskGroup): Map<string, string> {
  return new Map([...group.members].flatMap(([id, { previous }]) => tasksOf(group, previous).map((task) => [task, id] as const)))
}

function differenceOf(numbers: readonly number[]): number {
  return Math.max(...numbers) - Math.min(...numbers)
}

/** Everything is somewhere, once, and what is read together is together. */
function isWhole(t: ExecutionContext, group: TaskGroup): void {
  const given = [...group.members.values()].flatMap(({ previous }) => previous.map(tpKey))
  const all = group.options.parts.flatMap(({ topics, partitions }) =>
    topics.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => tpKey({ topic, partition }))),
  )
  t.deepEqual(given.toSorted(), all.toSorted())
  const places = [...group.members].flatMap(([id, { previous }]) =>
    [...new Set(tasksOf(group, previous))].map((task) => [task, id] as const),
  )
  t.is(new Map(places).size, places.length, 'no task is in two places')
}

test('every task goes to one worker with all of its partitions, whoever comes and goes, and in the end numbers differ by one at most', (t) => {
  fc.assert(
    fc.property(anyOptions, anyChurn, (options, churn) => {
      const group = groupOf(options, 1)
      for (const n of churn) {
        if (!group.members.has(nameOf(n))) group.join(nameOf(n))
        else if (group.members.size > 1) group.leave(nameOf(n))
        group.round()
        isWhole(t, group)
        if (n % 2 === 0) group.warmUp()
      }
      // Each warm-up makes one move possible: so many rounds are enough for all.
      for (let i = 0; i <= 36 && (i === 0 || differenceOf(loads(group)) > 1); i++) {
        group.warmUp()
        group.round()
        isWhole(t, group)
      }
      t.true(differenceOf(loads(group)) <= 1, loads(group).join())
    }),
  )
})

test('at first, the tasks of each part are spread over the workers, too', (t) => {
  fc.assert(
    fc.property(anyOptions, fc.integer({ min: 1, max: 7 }), (options, members) => {
      const group = groupOf(options, members)
      group.round()
      t.true(differenceOf(loads(group)) <= 1)
      for (const part of options.parts.keys()) {
        const ofPart = [...group.members.values()].map(
          ({ previous }) => new Set(tasksOf(group, previous).filter((task) => task.startsWith(`${part} `))).size,
        )
        t.true(differenceOf(ofPart) <= 1, `part ${part}: ${ofPart.join()}`)
      }
    }),
  )
})

test('nothing moves in a round in which nobody comes or goes', (t) => {
  fc.assert(
    fc.property(anyOptions, fc.integer({ min: 1, max: 7 }), (options, members) => {
      const group = groupOf(options, members)
      group.round()
      group.warmUp()
      const before = group.round()
      group.warmUp()
      t.deepEqual(group.round(), before)
    }),
  )
})

test('when a worker comes, tasks move to it and nowhere else; when one goes, no task of another moves', (t) => {
  fc.assert(
    fc.property(anyOptions, fc.integer({ min: 2, max: 6 }), fc.nat(), (options, members, who) => {
      const group = groupOf({ ...options, acceptableRecoveryLag: 1e9 }, members)
      group.round()
      const first = owners(group)
      group.join('new')
      group.round()
      const second = owners(group)
      for (const [task, id] of second) if (id !== 'new') t.is(first.get(task), id)
      group.leave(nameOf(who % members))
      group.round()
      for (const [task, id] of owners(group)) if (second.get(task) !== nameOf(who % members)) t.is(second.get(task), id)
    }),
  )
})

test('the order in which members come to the leader, and the order of parts in the code of each, make no difference', (t) => {
  const anySeed = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 7, maxLength: 7 })
  fc.assert(
    fc.property(anyOptions, anyChurn, anySeed, (options, churn, seed) => {
      let at = 0
      const random = () => seed[at++ % seed.length]!
      const shuffled = <T>(list: readonly T[]): T[] =>
        list
          .map((item) => [random(), item] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, item]) => item)
      const [straight, mixed] = [groupOf(options, 2), groupOf(options, 2)]
      for (const n of churn) {
        for (const group of [straight, mixed]) {
          if (!group.members.has(nameOf(n))) group.join(nameOf(n))
          else if (group.members.size > 1) group.leave(nameOf(n))
        }
        t.deepEqual(mixed.round(shuffled), straight.round())
        t.deepEqual(mixed.standbys, straight.standbys)
      }
    }),
  )
})

test('a task with much state stays where the state is until the worker that is to have it has a copy; few copies are made at a time', (t) => {
  fc.assert(
    fc.property(anyParts, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (parts, members, newcomers) => {
      const stateful = parts.map((part) => ({ ...part, stateful: true }))
      const group = groupOf({ parts: stateful, stateRecords: 1_000_000, acceptableRecoveryLag: 10 }, members)
      group.round()
      for (let n = 0; n < newcomers; n++) group.join(`new${n}`)
      for (let i = 0; i < 40; i++) {
        const warm = new Map([...group.members].map(([id, { copies }]) => [id, new Set(copies.keys())]))
        group.round()
        for (const [id, { previous }] of group.members) {
          for (const part of stateful) {
            const name = part.topics.toSorted()[0]!
            for (const tp of previous) if (tp.topic === name) t.true(warm.get(id)!.has(tpKey(tp)), `${id} gets ${tpKey(tp)} without a copy`)
          }
        }
        const warmups = [...group.members.keys()].flatMap((id) => group.standbys.get(id)!.filter(({ warmup }) => warmup))
        t.true(warmups.length <= 2)
        group.warmUp()
      }
      t.true(differenceOf(loads(group)) <= 1, loads(group).join())
    }),
    { numRuns: 50 },
  )
})

test('each task with state has its standbys, each in a process of its own, if there are so many; they stay where they are', (t) => {
  fc.assert(
    fc.property(anyOptions, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), (options, processes, threads) => {
      const group = new TaskGroup(options)
      for (let p = 0; p < processes; p++) for (let th = 0; th < threads; th++) group.join(`p${p}-${th}`, `p${p}`)
      group.round()
      group.warmUp()
      const process = (id: string) => group.members.get(id)!.process
      const active = owners(group)
      const keepers = new Map<string, string[]>()
      for (const [id, list] of group.standbys) {
        for (const task of tasksOf(
          group,
          list.filter(({ warmup }) => !warmup).map(({ tp }) => tp),
        )) {
          keepers.set(task, [...(keepers.get(task) ?? []), id])
        }
      }
      for (const [part, { partitions, stateful }] of options.parts.entries()) {
        for (let partition = 0; partition < partitions; partition++) {
          const copies = keepers.get(`${part} ${partition}`) ?? []
          t.is(copies.length, stateful ? Math.min(options.standbys, processes - 1) : 0)
          const all = [active.get(`${part} ${partition}`)!, ...copies]
          t.is(new Set(all.map(process)).size, all.length, 'threads of one process die together')
        }
      }
      const copies = () => [...group.standbys].map(([id, list]) => [id, list.map(({ tp }) => tpKey(tp)).toSorted()])
      const before = copies()
      group.round()
      t.deepEqual(copies(), before)
    }),
  )
})

test('tasks of a worker that dies go to where copies of their state are', (t) => {
  fc.assert(
    fc.property(anyParts, fc.integer({ min: 2, max: 6 }), fc.nat(), (parts, members, who) => {
      const stateful = parts.map((part) => ({ ...part, stateful: true }))
      const group = groupOf({ parts: stateful, standbys: 1, stateRecords: 1_000_000 }, members)
      group.round()
      group.warmUp()
      const dead = nameOf(who % members)
      const lost = group.members.get(dead)!.previous
      const copies = new Map([...group.members].map(([id, member]) => [id, new Set(member.copies.keys())]))
      group.leave(dead)
      group.round()
      const names = new Set(stateful.map(({ topics }) => topics.toSorted()[0]!))
      for (const tp of lost) {
        if (!names.has(tp.topic)) continue
        const [heir] = [...group.members].find(([, { previous }]) => previous.some((other) => tpKey(other) === tpKey(tp)))!
        t.true(copies.get(heir)!.has(tpKey(tp)), `${heir} has no copy of ${tpKey(tp)}`)
      }
    }),
  )
})

test('members that say nothing that can be read are given partitions as any', (t) => {
  const topics = new Map(['a', 'b'].map((topic) => [topic, [[], [], [], []]]))
  const member = (memberId: string, userData: Buffer | null): AssignedMember => {
    return { memberId, groupInstanceId: null, topics: ['a', 'b'], ownedPartitions: [], generation: -1, rackId: null, userData }
  }
  const assignment = assignGroup([member('x', null), member('y', Buffer.from('nonsense'))], topics)
  t.deepEqual(
    [...assignment.values()].map((list) => list.length),
    [4, 4],
  )
  t.is(new Set([...assignment.values()].flat().map(tpKey)).size, 8)
  t.is(assignment.userData!.size, 0)
})
