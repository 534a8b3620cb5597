import test from 'ava'
import fc from 'fast-check'

import { ClassicMember, NewMember, type TestMember } from '../support/consumer-members.ts'
import { act, describe, owned, restart, settle, settleClassic, start } from '../support/group-rig.ts'

for (const cooperative of [true, false]) {
  const kind = cooperative ? 'cooperative' : 'eager'
  test(`a classic group goes over to the new protocol member by member, and back (${kind})`, async (t) => {
    const rig = await start()
    const classics = ['c1', 'c2'].map((name) => new ClassicMember(name, rig.topics, { topics: ['t'], cooperative }))
    await settleClassic(rig, classics)
    t.deepEqual(
      classics.map((member) => member.owned.size),
      [2, 2],
    )
    const generation = classics[0]!.epoch
    t.is(rig.groups.kindOf('g'), 'classic')

    const fresh = new NewMember('n', rig.topics, { topics: ['t'] })
    t.is(await fresh.beat(rig.groups), 'NONE')
    const { members, epoch } = describe(rig)
    t.is(epoch, generation + 1)
    t.deepEqual(
      members.map(({ speaksClassic }) => speaksClassic),
      [true, true, false],
    )
    t.is(await classics[0]!.beat(rig.groups), 'REBALANCE_IN_PROGRESS')
    await settle(rig, [...classics, fresh])
    const all = [...classics, fresh]
    t.deepEqual(all.flatMap(owned).sort(), ['t-0', 't-1', 't-2', 't-3'])
    t.true(all.every((member) => member.owned.size >= 1))
    t.is(describe(rig).state, 'Stable')
    await restart(rig)
    t.is(rig.groups.kindOf('g'), 'consumer')
    await settle(rig, all)
    t.deepEqual(all.flatMap(owned).sort(), ['t-0', 't-1', 't-2', 't-3'])
    const [first] = classics
    t.is(
      await rig.groups.commit('g', { memberId: first!.memberId, instanceId: null, generation: first!.epoch }, []).then(() => 'taken'),
      'taken',
    )

    t.is(await fresh.leave(rig.groups), 'NONE')
    t.is(rig.groups.kindOf('g'), 'classic')
    t.is(rig.groups.describe('g')!.state, 'PreparingRebalance', 'its partitions want another owner')
    await settleClassic(rig, classics)
    t.deepEqual(classics.flatMap(owned).sort(), ['t-0', 't-1', 't-2', 't-3'])
    await restart(rig)
    t.is(rig.groups.describe('g')!.state, 'Stable')
    t.is(await classics[1]!.beat(rig.groups), 'NONE')

    for (const member of classics) await member.leave(rig.groups)
    rig.clock.advance(1000)
    t.is(await fresh.beat(rig.groups), 'NONE', 'an empty classic group becomes one of the new protocol')
    act(fresh)
    t.is(fresh.owned.size, 4)
    t.is(describe(rig).members.length, 1)
    await fresh.leave(rig.groups)
    await settleClassic(rig, [classics[0]!])
    t.is(classics[0]!.owned.size, 4, 'and the other way round')
    t.is(rig.groups.kindOf('g'), 'classic')
  })
}

test('a static member of the classic protocol is replaced by its successor of the new one, and back, without a rebalance', async (t) => {
  const rig = await start({ t: 2 })
  const old = new ClassicMember('c', rig.topics, { topics: ['t'], instanceId: 'one' })
  const other = new ClassicMember('o', rig.topics, { topics: ['t'], instanceId: 'two' })
  await settleClassic(rig, [old, other])
  const before = owned(old)
  const fresh = new NewMember('n', rig.topics, { topics: ['t'], instanceId: 'one' })
  t.is(await fresh.beat(rig.groups), 'NONE')
  act(fresh)
  t.deepEqual(owned(fresh), before)
  t.is(await old.beat(rig.groups), 'FENCED_INSTANCE_ID')
  await settle(rig, [fresh, other])
  t.deepEqual([owned(fresh), owned(other)], [before, ['t-0', 't-1'].filter((each) => !before.includes(each))])
  const back = new ClassicMember('c2', rig.topics, { topics: ['t'], instanceId: 'one' })
  await settleClassic(rig, [back, other])
  t.is(rig.groups.kindOf('g'), 'classic', 'nobody speaks the new protocol any more')
  t.deepEqual(owned(back), before)
})

test('group.consumer.migration.policy says which way groups may go', async (t) => {
  for (const [policy, up, down] of [
    ['bidirectional', true, true],
    ['upgrade', true, false],
    ['downgrade', false, true],
    ['disabled', false, false],
  ] as const) {
    const rig = await start({ t: 2 }, { consumerMigrationPolicy: policy })
    const classic = new ClassicMember('c', rig.topics, { topics: ['t'] })
    await settleClassic(rig, [classic])
    const fresh = new NewMember('n', rig.topics, { topics: ['t'] })
    t.is(await fresh.beat(rig.groups), up ? 'NONE' : 'GROUP_ID_NOT_FOUND', policy)

    const second = await start({ t: 2 }, { consumerMigrationPolicy: policy })
    const first = new NewMember('n', second.topics, { topics: ['t'] })
    await settle(second, [first])
    const joiner = new ClassicMember('c', second.topics, { topics: ['t'] })
    await settle(second, [first, joiner])
    t.deepEqual([first.owned.size, joiner.owned.size], [1, 1], 'joining needs no migration')
    await first.leave(second.groups)
    t.is(second.groups.kindOf('g'), down ? 'classic' : 'consumer', policy)
  }
})

test('groups that are no consumers, or whose metadata cannot be read, stay classic', async (t) => {
  for (const [protocolType, metadata] of [
    ['connect', Buffer.from('00010000000000000000', 'hex')],
    ['consumer', Buffer.alloc(0)],
  ] as const) {
    const rig = await start()
    const joined = await rig.groups.join('g', {
      memberId: '',
      instanceId: 'i',
      clientId: 'c',
      clientHost: '/h',
      protocolType,
      protocols: [{ name: 'p', metadata }],
      sessionTimeoutMs: 30_000,
      rebalanceTimeoutMs: 60_000,
      requiresKnownMemberId: true,
      supportsSkippingAssignment: true,
    })
    t.is(joined.error, 'NONE')
    t.is(await new NewMember('n', rig.topics, { topics: ['t'] }).beat(rig.groups), 'GROUP_ID_NOT_FOUND')
    t.is(rig.groups.kindOf('g'), 'classic')
  }
})

const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      'beat',
      'beat',
      'beat',
      'beat',
      'act',
      'act',
      'lose',
      'join',
      'leave',
      'away',
      'pass',
      'restart',
      'power',
      'topic',
    ),
    who: fc.nat(5),
    ms: fc.constantFrom(100, 1000, 5000, 20_000, 70_000),
    partitions: fc.nat(3),
  }),
  { minLength: 10, maxLength: 70 },
)

test('whatever members do: no partition has two owners, epochs only rise, and in the end everything is assigned', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom('uniform', 'range'), async (list, assignor) => {
      const rig = await start({ t: 3, u: 2 }, { groupMinSessionTimeoutMs: 1 })
      const kinds = [
        () => new NewMember('n0', rig.topics, { topics: ['t'], assignor }),
        () => new NewMember('n1', rig.topics, { topics: ['t', 'u'], assignor, rebalanceTimeoutMs: 10_000 }),
        () => new NewMember('n2', rig.topics, { regex: '[tu]' }),
        () => new NewMember('n3', rig.topics, { topics: ['u'], instanceId: 'i3' }),
        () => new ClassicMember('c4', rig.topics, { topics: ['t', 'u'] }),
        () => new ClassicMember('c5', rig.topics, { topics: ['t'], cooperative: true }),
      ]
      const anchor = new NewMember('anchor', rig.topics, { topics: ['t', 'u'], assignor })
      const members = kinds.map((make) => make())
      const all = [anchor, ...members]
      const heard = new Map<TestMember, number>()
      const told = new Map<TestMember, number>()
      const epochs = new Map<TestMember, number>()
      let groupEpoch = 0
      const beat = async (member: TestMember, lost = false): Promise<void> => {
        const was = member.joined
        const error = await member.beat(rig.groups, lost)
        if (error === 'NONE' || error === 'LOST' || error === 'REBALANCE_IN_PROGRESS') heard.set(member, rig.clock.monotonic())
        if (error !== 'NONE') return
        if (was && member.epoch < (epochs.get(member) ?? 0))
          throw new Error(`${member.name} went from epoch ${epochs.get(member)} to ${member.epoch}`)
        epochs.set(member, member.epoch)
      }
      const check = (): void => {
        const owners = new Map<string, string>()
        for (const member of all) {
          // Who has not been heard of in time, or has not given up in time what it was told to, gives up by itself, as clients do.
          const now = rig.clock.monotonic()
          const patience = Math.min(30_000, member.options.rebalanceTimeoutMs ?? Infinity)
          if (member instanceof NewMember && member.pending !== null) told.set(member, told.get(member) ?? now)
          else told.delete(member)
          if (now - (heard.get(member) ?? 0) >= patience || now - (told.get(member) ?? now) >= patience) member.reset()
          for (const partition of member.owned) {
            if (owners.has(partition)) throw new Error(`${partition} belongs to ${owners.get(partition)} and ${member.name}`)
            owners.set(partition, member.name)
          }
        }
        const group = rig.groups.describeConsumerGroup('g')
        if (group !== undefined && group.epoch < groupEpoch) throw new Error(`the epoch fell from ${groupEpoch} to ${group.epoch}`)
        groupEpoch = group?.epoch ?? groupEpoch
      }
      await beat(anchor)
      for (const { kind, who, ms, partitions } of list) {
        const member = members[who]!
        if (kind === 'beat' || kind === 'join') await beat(member)
        else if (kind === 'lose') await beat(member, true)
        else if (kind === 'act') act(member)
        else if (kind === 'leave') await member.leave(rig.groups)
        else if (kind === 'away' && member instanceof NewMember && member.options.instanceId !== undefined)
          await member.leave(rig.groups, -2)
        else if (kind === 'pass') {
          for (let left = ms; left > 0; left -= 5000) {
            rig.clock.advance(Math.min(left, 5000))
            check()
            await beat(anchor)
            act(anchor)
          }
        } else if (kind === 'restart' || kind === 'power') await restart(rig, kind === 'power')
        else if (kind === 'topic') rig.topics.set('u', 2 + partitions)
        check()
      }
      // Everybody who is in goes on, the others are forgotten.
      const live = all.filter((member) => member.joined)
      for (let round = 0; round < 30; round++) {
        for (const member of live) {
          await beat(member)
          act(member)
          check()
        }
        rig.clock.advance(2500)
      }
      const group = describe(rig)
      t.is(group.state, 'Stable')
      const assigned = all.flatMap((member) => [...member.owned]).sort()
      const expected = ['t', 'u']
        .flatMap((name) => Array.from({ length: rig.topics.get(name)!.partitions }, (_, id) => `${name}-${id}`))
        .sort()
      t.deepEqual(assigned, expected)
      await restart(rig)
      const restored = describe(rig)
      t.deepEqual({ ...restored, members: restored.members.toSorted(byId) }, { ...group, members: group.members.toSorted(byId) })
      rig.groups.close()
    }),
    { numRuns: Number(process.env['RUNS'] ?? 150), includeErrorInReport: true },
  )
})

function byId(a: { memberId: string }, b: { memberId: string }): number {
  return a.memberId < b.memberId ? -1 : 1
}
