import test from 'ava'
import fc from 'fast-check'
import type { Assignor, AssignorMember, TargetAssignment } from '../../core/coordinator/assignors/assignor.ts'
import { rangeAssignor } from '../../core/coordinator/assignors/range.ts'
import { uniformAssignor } from '../../core/coordinator/assignors/uniform.ts'
import { countOf, NO_PARTITIONS } from '../../core/coordinator/partitions.ts'
import { topicPattern } from '../../core/coordinator/topic-pattern.ts'

const topics: Readonly<Record<string, number>> = { A: 7, B: 3, C: 1, D: 12 }
const partitionsOf = (id: string): number => topics[id]!

function member(
  id: string,
  topicIds: string[],
  previous: AssignorMember['previous'] = NO_PARTITIONS,
  instanceId: string | null = null,
): AssignorMember {
  return { id, instanceId, topicIds: new Set(topicIds), previous }
}

function run(assign: Assignor, members: readonly AssignorMember[]): TargetAssignment {
  return assign({ members, partitionsOf })
}

function show(target: TargetAssignment): Record<string, string> {
  return Object.fromEntries(
    [...target].map(([id, topicIds]) => [id, [...topicIds].flatMap(([topic, ids]) => [...ids].map((one) => `${topic}${one}`)).join(' ')]),
  )
}

test('range: consecutive partitions, static members first, more for the first of them', (t) => {
  const members = [member('a', ['B', 'A']), member('b', ['A', 'B']), member('c', ['A', 'B'], NO_PARTITIONS, 'i')]
  t.deepEqual(show(run(rangeAssignor, members)), {
    c: 'A0 A1 A2 B0',
    a: 'B1 A3 A4',
    b: 'A5 A6 B2',
  })
  t.deepEqual(show(run(rangeAssignor, [member('a', ['C']), member('b', ['C', 'B'])])), { a: 'C0', b: 'B0 B1 B2' })
})

const group = fc
  .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 3 }), fc.subarray(Object.keys(topics)), fc.boolean()), {
    selector: ([id]) => id,
    minLength: 1,
    maxLength: 9,
  })
  .map((list) => list.toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** What holds for every assignor: each partition that somebody wants has one owner, who wants it. */
function checkWhole(
  t: { is: (a: unknown, b: unknown, m?: string) => unknown; true: (a: boolean, m?: string) => unknown },
  members: readonly AssignorMember[],
  target: TargetAssignment,
): void {
  const wanted = new Set(members.flatMap(({ topicIds }) => [...topicIds]))
  const owners = new Map<string, string>()
  for (const { id, topicIds } of members) {
    for (const [topic, ids] of target.get(id) ?? []) {
      t.true(topicIds.has(topic), `${id} wants ${topic}`)
      for (const partition of ids) {
        t.true(partition < partitionsOf(topic))
        t.is(owners.get(`${topic}${partition}`), undefined, `${topic}${partition} is given once`)
        owners.set(`${topic}${partition}`, id)
      }
    }
  }
  t.is(
    owners.size,
    [...wanted].reduce((sum, topic) => sum + partitionsOf(topic), 0),
  )
}

test('whatever members want: everything has one owner; uniform is balanced, and moves as little as it must', (t) => {
  fc.assert(
    fc.property(group, fc.nat(8), fc.boolean(), (list, gone, same) => {
      const members = list.map(([id, topicIds, isStatic]) =>
        member(id, same ? ['A', 'B', 'D'] : topicIds, NO_PARTITIONS, isStatic ? `i${id}` : null),
      )
      checkWhole(t, members, run(rangeAssignor, members))
      const first = run(uniformAssignor, members)
      checkWhole(t, members, first)
      const again = run(
        uniformAssignor,
        members.map((each) => ({ ...each, previous: first.get(each.id)! })),
      )
      t.deepEqual(sizesAndOwners(again), sizesAndOwners(first), 'nothing moves when nothing changes')
      // One goes: the others keep what they have.
      const left = members.filter((_, i) => i !== gone).map((each) => ({ ...each, previous: first.get(each.id)! }))
      const after = run(uniformAssignor, left)
      checkWhole(t, left, after)
      checkBalance(t, left, after)
      if (same) {
        for (const { id, previous } of left)
          for (const [topic, ids] of previous) for (const one of ids.keys()) t.true(after.get(id)!.get(topic)!.has(one))
      }
    }),
    { numRuns: 300 },
  )
})

/** No member could give a partition to another one that has at least two less. */
function checkBalance(
  t: { true: (a: boolean, m?: string) => unknown },
  members: readonly AssignorMember[],
  target: TargetAssignment,
): void {
  const size = ({ id }: AssignorMember): number => countOf(target.get(id)!)
  for (const from of members) {
    for (const to of members) {
      const movable = [...target.get(from.id)!.keys()].some((topic) => to.topicIds.has(topic))
      t.true(!movable || size(from) - size(to) <= 1, `${from.id} has ${size(from)}, ${to.id} ${size(to)}`)
    }
  }
}

function sizesAndOwners(target: TargetAssignment): Record<string, string[]> {
  return Object.fromEntries(
    [...target].map(([id, topicIds]) => [id, [...topicIds].flatMap(([topic, ids]) => [...ids].map((one) => `${topic}${one}`)).sort()]),
  )
}

test('expressions of RE2 match whole names', (t) => {
  const cases: [string, string[], string[]][] = [
    ['a', ['a'], ['', 'aa', 'b']],
    ['', [''], ['a']],
    ['a|bc|', ['a', 'bc', ''], ['b', 'abc']],
    ['^log\\.[a-z0-9_]+$', ['log.a_9'], ['log.', 'log.A', 'xlog.a', 'logxa']],
    ['(?i)Foo-(?:bar|BAZ)', ['foo-bar', 'FOO-baz'], ['foo-']],
    ['x(?i:Y)z', ['xyz', 'xYz'], ['Xyz', 'xyZ']],
    ['(?P<name>a+)(?<other>b*)', ['a', 'aab'], ['b']],
    ['a{2}b{1,2}c{2,}', ['aabcc', 'aabbccc'], ['abcc', 'aabbbcc', 'aabc']],
    ['a{,2}', ['a{,2}'], ['a', 'aa']],
    ['(a*)*b', ['b', 'aaab'], ['a']],
    ['(|a)+', ['', 'aa'], ['b']],
    ['\\d\\D\\w\\W\\.', ['1aa..'], ['1aaa.']],
    ['[^a-c.]+', ['xyz'], ['xa', 'x.']],
    ['[]a-]+', [']-a'], ['b']],
    ['[[:alpha:][:digit:]]+', ['a1'], ['a.']],
    ['[[:^digit:]]', ['a'], ['1']],
    ['\\pL+\\p{Lu}\\P{N}', ['abC-'], ['abc-', 'abC1']],
    ['\\Qa.b*\\E+', ['a.b*', 'a.b**'], ['a.b', 'axb*']],
    ['\\Qa.b\\Ec', ['a.bc'], ['axbc']],
    ['\\x41\\x{42}\\103', ['ABC'], ['abc']],
    ['a.c', ['abc'], ['a\nc']],
    ['(?s)a.c', ['a\nc'], ['ac']],
    ['\\bab\\b', ['ab'], ['abc']],
    ['a\\Bb', ['ab'], ['a']],
    ['a*?b+?c??', ['bc', 'aab'], ['c']],
  ]
  for (const [expression, matching, others] of cases) {
    const pattern = topicPattern(expression)
    for (const name of matching) t.true(pattern.matches(name), `${expression} matches ${name}`)
    for (const name of others) t.false(pattern.matches(name), `${expression} does not match ${name}`)
  }
  for (const expression of [
    '(',
    ')',
    'a**',
    '*a',
    '[a',
    '[b-a]',
    'a{1001}',
    'a{2,1}',
    '\\1',
    '(?=a)',
    '(?<!a)',
    'a\\',
    '\\y',
    '[[:no:]]',
    '(?z)',
    '(a{500}){3}',
    '((){1000}){1000}',
  ]) {
    t.throws(() => topicPattern(expression), { code: 'INVALID_ARGUMENT' }, expression)
  }
})

test('an expression costs what its length and the name are, however it is nested', (t) => {
  const hostile = ['(a+)+$', '(a*)*b', '(a|a)*b', '(a|aa)+b', '(.*)*.*=.*', '((((a*)*)*)*)*b', '(a?){1000}a{1}', '(x+x+)+y']
  const name = 'a'.repeat(249)
  for (const expression of hostile) t.notThrows(() => topicPattern(expression).matches(name), expression)
  t.throws(() => topicPattern('a'.repeat(5000)), { code: 'INVALID_ARGUMENT' })
  t.throws(() => topicPattern(`${'('.repeat(2000)}${')'.repeat(2000)}`), { code: 'INVALID_ARGUMENT' })
  t.true(topicPattern(`${'('.repeat(500)}a${')'.repeat(500)}`).matches('a'))
})

/** Expressions that RE2 and JavaScript read alike. */
const expression = fc.letrec((tie) => ({
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', '-', '\\.', '.', '[ab]', '[^a]', '\\d', '\\w', '1', '^', '$', '\\b'),
    tie('all').map((inner) => `(${String(inner)})`),
    tie('all').map((inner) => `(?:${String(inner)})`),
  ),
  piece: fc.tuple(tie('atom'), fc.constantFrom('', '', '*', '+', '?', '{2}', '{0,2}', '*?')).map(([atom, times]) => {
    const text = String(atom)
    return ['^', '$', '\\b'].includes(text) ? text : `${text}${times}`
  }),
  all: fc.array(fc.oneof(tie('piece'), fc.constant('|')), { maxLength: 4 }).map((pieces) => pieces.map(String).join('')),
})).all

test('matching agrees with a backtracking matcher, where that one answers', (t) => {
  fc.assert(
    fc.property(expression, fc.array(fc.stringMatching(/^[ab1.-]{0,6}$/), { maxLength: 8 }), (text, names) => {
      const pattern = topicPattern(text)
      const reference = new RegExp(`^(?:${text})$`)
      for (const name of names) t.is(pattern.matches(name), reference.test(name), `${text} on ${name}`)
    }),
    { numRuns: 500 },
  )
})
