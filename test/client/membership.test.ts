import test from 'ava'
import fc from 'fast-check'

import { idKey, Reconciliation } from '../../core/client/reconciliation.ts'
import type { Beat, TopicIdPartition } from '../../core/client/reconciliation.ts'

const partitions: TopicIdPartition[] = [0, 1].map((partition) => ({ topicId: 'T', partition }))
const MEMBERS = [0, 1]

/** A coordinator as naive as can be: what it has told a member, that member may own until it says that it does not. */
class NaiveCoordinator {
  readonly mayOwn = MEMBERS.map(() => new Set<number>())
  readonly isMember = MEMBERS.map(() => false)
  target: number[] = partitions.map(() => 0)

  answer(member: number, beat: Beat): { epoch: number; assignment: TopicIdPartition[] } | 'fenced' {
    if (beat.epoch === 0) {
      this.mayOwn[member]!.clear()
      this.isMember[member] = true
    } else if (!this.isMember[member]) return 'fenced'
    if (beat.owned !== null) {
      const told = new Set(beat.owned.map((tp) => tp.partition))
      // Only what it is to give up: what it has been given in an answer that may still be on its way stays its own.
      for (const p of this.mayOwn[member]!) if (this.target[p] !== member && !told.has(p)) this.mayOwn[member]!.delete(p)
    }
    for (const [p, owner] of this.target.entries())
      if (owner === member && this.mayOwn.every((set, other) => other === member || !set.has(p))) this.mayOwn[member]!.add(p)
    const assigned = partitions.filter((tp) => this.mayOwn[member]!.has(tp.partition) && this.target[tp.partition] === member)
    return { epoch: 1, assignment: assigned }
  }

  /** The session of the member has ended. */
  fence(member: number): void {
    this.isMember[member] = false
    this.mayOwn[member]!.clear()
  }
}

/** A consumer: its machine, and what it really reads. */
class NaiveMember {
  readonly machine = new Reconciliation()
  held = new Map<string, TopicIdPartition>()
  step: { meant: TopicIdPartition[]; revoked: boolean } | undefined
  sent: Beat | undefined

  /** What may go first goes. */
  begin(): void {
    if (this.step !== undefined || !this.machine.isDue(() => true)) return
    this.step = { meant: this.machine.begin(() => true), revoked: false }
  }

  revoke(): void {
    if (this.step === undefined || this.step.revoked) return
    const meant = new Set(this.step.meant.map(idKey))
    for (const key of this.held.keys()) if (!meant.has(key)) this.held.delete(key)
    this.step.revoked = true
  }

  receive(): void {
    if (this.step?.revoked !== true) return
    for (const tp of this.step.meant) this.held.set(idKey(tp), tp)
    this.step = undefined
    this.machine.finished([...this.held.values()])
  }

  lose(): void {
    this.machine.lose()
    this.held.clear()
    this.step = undefined
    this.sent = undefined
  }
}

const who = fc.constantFrom(...MEMBERS)
const event = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('beat' as const), member: who }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('answer', 'loseRequest', 'loseAnswer'), member: who }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('begin', 'revoke', 'receive'), member: who }) },
  // Without these the walks seldom get far.
  { weight: 12, arbitrary: fc.record({ kind: fc.constantFrom('exchange', 'step', 'resend'), member: who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fence' as const), member: who }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('move' as const), member: who, partition: fc.nat(partitions.length - 1) }) },
)

test('a partition never has two owners, whatever is lost on the way, and in the end each has what is meant for it (KIP-848)', (t) => {
  let moved = 0
  fc.assert(
    fc.property(fc.array(event, { maxLength: 80, size: 'max' }), (events) => {
      const coordinator = new NaiveCoordinator()
      const members = MEMBERS.map(() => new NaiveMember())
      const deliver = (id: number): void => {
        const member = members[id]!
        if (member.sent === undefined) return
        const answer = coordinator.answer(id, member.sent)
        member.sent = undefined
        if (answer === 'fenced') member.lose()
        else member.machine.answered(answer.epoch, answer.assignment)
      }
      for (const e of events) {
        const member = members[e.member]!
        if (e.kind === 'beat') member.sent ??= member.machine.beat()
        else if (e.kind === 'answer') deliver(e.member)
        else if (e.kind === 'exchange') {
          member.sent ??= member.machine.beat()
          deliver(e.member)
        } else if (e.kind === 'step') {
          member.begin()
          member.revoke()
          member.receive()
        } else if (e.kind === 'resend') {
          member.machine.failed()
          member.sent = member.machine.beat()
        } else if (e.kind === 'loseRequest' || e.kind === 'loseAnswer') {
          if (member.sent === undefined) continue
          if (e.kind === 'loseAnswer') coordinator.answer(e.member, member.sent)
          member.sent = undefined
          member.machine.failed()
        } else if (e.kind === 'begin') member.begin()
        else if (e.kind === 'revoke') member.revoke()
        else if (e.kind === 'receive') member.receive()
        else if (e.kind === 'move') coordinator.target[e.partition] = e.member
        else if (e.kind === 'fence') {
          // The member hears of it at once here: what a zombie reads in the meantime is for the coordinator to refuse.
          coordinator.fence(e.member)
          member.lose()
        }
        const owned = members.flatMap(({ held }) => [...held.keys()])
        if (new Set(owned).size !== owned.length) return false
      }
      for (let round = 0; round < 12; round++) {
        for (const [id, member] of members.entries()) {
          member.sent ??= member.machine.beat()
          deliver(id)
          member.begin()
          member.revoke()
          member.receive()
        }
      }
      moved += events.length
      return members.every(({ held }, id) => {
        const meant = partitions.filter((tp) => coordinator.target[tp.partition] === id).map(idKey)
        return meant.length === held.size && meant.every((key) => held.has(key))
      })
    }),
    { numRuns: 4000 },
  )
  t.true(moved > 10_000)
})
