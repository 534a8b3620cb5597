import test from 'ava'
import fc from 'fast-check'

import { drawMarbles, type Mark, parseMarbles } from '../../pipelines/testing/marbles.ts'

const scale = { start: 1000, frame: 10 }

/** `a@0 #@20`, as time since the start. */
const read = (diagram: string): string =>
  parseMarbles(diagram, scale)
    .map((mark) => `${mark.kind === 'record' ? mark.symbol : mark.kind === 'crash' ? '#' : '|'}@${mark.time - scale.start}`)
    .join(' ')

const diagrams: [string, string][] = [
  ['', ''],
  ['---', ''],
  ['a', 'a@0'],
  ['-a--b', 'a@10 b@40'],
  [' a b  c ', 'a@0 b@10 c@20'],
  // As in RxJS: all of a group stands where it opens, and takes as much room as it is long.
  ['-(ab)c', 'a@10 b@10 c@50'],
  ['a 9ms b', 'a@0 b@19'],
  ['1s a 1.5s b', 'a@1000 b@2510'],
  ['a 1h b 2m c 1d d', `a@0 b@3600010 c@3720020 d@${86_400_000 + 3_720_030}`],
  ['a @5s b @2s c', 'a@0 b@5000 c@2000'],
  ['a-- @0 b @-1s c', 'a@0 b@0 c@-1000'],
  ['a-#-b', 'a@0 #@20 b@40'],
  ['a-|', 'a@0 |@20'],
  ['(a|) ', 'a@0 |@0'],
  ['é1?', 'é@0 1@10 ?@20'],
]
for (const [diagram, expected] of diagrams) test(`'${diagram}' says '${expected}'`, (t) => t.is(read(diagram), expected))

const refused: [string, RegExp][] = [
  ['a-^b', /marbles 'a-\^b': '\^' is no sign of a diagram, at character 3/],
  ['(a-b)', /time stands still inside \(…\), at character 3/],
  ['(a 1s b)', /time stands still inside \(…\), at character 4/],
  ['(a(b))', /a group stands inside another one, at character 3/],
  ['ab)', /no group is open, at character 3/],
  ['(ab', /a group is not closed, at character 4/],
  ['a|b', /nothing may follow the end \|, at character 3/],
  ['a !b', /'!' is no sign/],
  ['a @ b', /'@' is no sign/],
]
for (const [diagram, message] of refused) {
  test(`'${diagram}' is refused, with the place`, (t) => {
    t.throws(() => read(diagram), { code: 'INVALID_ARGUMENT', message })
  })
}

const values = { a: { n: 1 }, b: 'text', c: null, d: 4 }

test('what is drawn is as short as RxJS would write it', (t) => {
  const drawn = (times: readonly number[]): string =>
    drawMarbles(
      times.map((time, i) => ({ value: Object.values(values)[i % 4], timestamp: scale.start + time })),
      values,
      scale,
    )
  t.is(drawn([]), '')
  t.is(drawn([0, 10, 40]), 'ab--c')
  t.is(drawn([20, 20, 60]), '--(ab)c')
  t.is(drawn([0, 3_600_010, 3_599_000]), 'a 1h b @3599s c')
  t.is(drawn([0, 5, 0, -3]), 'a @5ms b @0 c @-3ms d')
  t.is(drawMarbles([{ value: 'another', timestamp: 1000 }], values, scale), '?')
})

test('what is drawn says what was drawn, whatever it is', (t) => {
  const record = fc.record({ symbol: fc.constantFrom(...Object.keys(values)), time: fc.integer({ min: -500_000, max: 500_000 }) })
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          record,
          record.map((r) => ({ ...r, time: (r.time % 20) * 10 })),
        ),
        { maxLength: 12 },
      ),
      (list) => {
        const records = list.map(({ symbol, time }) => ({ value: values[symbol as 'a'], timestamp: scale.start + time }))
        const expected = list.map(({ symbol, time }): Mark => ({ kind: 'record', symbol, time: scale.start + time }))
        t.deepEqual(parseMarbles(drawMarbles(records, values, scale), scale), expected)
      },
    ),
  )
})
