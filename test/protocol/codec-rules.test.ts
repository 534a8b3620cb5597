import test from 'ava'
import { execFileSync } from 'node:child_process'
import { Reader, Writer } from '../../core/base/bytes.ts'
import { MoldauError } from '../../core/base/errors.ts'
import { ZERO_UUID } from '../../core/base/uuid.ts'
import { decode, decodeBuffer, encode, encodeBuffer, inspect } from '../../core/protocol/codec.ts'
import { compile } from '../../core/protocol/compile.ts'
import { interpretDecode, interpretEncode } from '../../core/protocol/interpret.ts'
import {
  array,
  bool,
  bytes,
  float64,
  int16,
  int32,
  int64,
  int64Exact,
  int8,
  message,
  records,
  string,
  struct,
  uint16,
  uint32,
  uuid,
} from '../../core/protocol/schema.ts'
import type { Input, Message } from '../../core/protocol/schema.ts'

/** Bytes by compiled code and by the interpreter: they must agree in every one of these tests. */
function hex<M extends Message>(schema: M, version: number, body: Input<M>): string {
  const slow = new Writer()
  interpretEncode(schema, version, body, slow)
  const fast = encodeBuffer(schema, version, body).toString('hex')
  if (fast !== slow.toBuffer().toString('hex')) throw new Error('compiled and interpreted code differ')
  return fast
}

function back(schema: Message, version: number, text: string): unknown {
  const buf = Buffer.from(text.replaceAll(' ', ''), 'hex')
  const fast = compile(schema, version).decode(new Reader(buf))
  if (JSON.stringify(fast, spell) !== JSON.stringify(interpretDecode(schema, version, new Reader(buf)), spell)) {
    throw new Error('compiled and interpreted code differ')
  }
  return fast
}

const spell = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value)

const Text = message('Text', '0-9', '5+', { a: string(), b: string({ nullable: true }) })

test('a string has 16 bits of length before a version is flexible, and an unsigned varint of length + 1 after', (t) => {
  t.is(hex(Text, 0, { a: 'ab', b: 'ü' }), '00026162' + '0002c3bc')
  t.is(hex(Text, 5, { a: 'ab', b: 'ü' }), '036162' + '03c3bc' + '00')
  t.is(hex(Text, 0, { a: '', b: null }), '0000' + 'ffff')
  t.is(hex(Text, 5, { a: '', b: null }), '01' + '00' + '00')
  t.deepEqual(back(Text, 5, '03 6162 00 00'), { a: 'ab', b: null })
  t.deepEqual(back(Text, 0, '0002 6162 ffff'), { a: 'ab', b: null })
})

test('a string of more than 32767 bytes is refused in both directions', (t) => {
  const long = 'ü'.repeat(16_384)
  t.throws(() => encodeBuffer(Text, 0, { a: long, b: null }), { message: /^Text\.a: a string of 32768 bytes, over 32767/ })
  t.throws(() => encodeBuffer(Text, 5, { a: long, b: null }), { message: /^Text\.a: a string of 32768 bytes/ })
  const w = new Writer()
  w.uvarint(32_769)
  w.bytes(Buffer.alloc(40_000))
  t.throws(() => decodeBuffer(Text, 5, w.toBuffer()), { message: /^Text\.a: a string of 32768 bytes/ })
})

const Blob = message('Blob', '0-9', '5+', { a: bytes(), b: bytes({ nullable: true }), c: records({ nullable: true }) })

test('bytes and records have 32 bits of length, or a compact one, and come out as slices of the frame', (t) => {
  const body = { a: Buffer.from('x'), b: null, c: Buffer.from('yz') }
  t.is(hex(Blob, 0, body), '0000000178' + 'ffffffff' + '00000002797a')
  t.is(hex(Blob, 5, body), '0278' + '00' + '03797a' + '00')
  const frame = Buffer.from('0278' + '00' + '03797a' + '00', 'hex')
  const decoded = decodeBuffer(Blob, 5, frame)
  frame[4] = 0x59
  t.is(decoded.c?.toString(), 'Yz')
})

test('records go out from one buffer or a list of slices, the big ones without a copy', (t) => {
  const big = Buffer.alloc(5000, 1)
  const w = new Writer()
  encode(Blob, 0, { a: Buffer.alloc(0), b: null, c: [Buffer.from('y'), big, Buffer.from('z')] }, w)
  t.is(w.chunks().length, 3)
  t.is(w.chunks()[1], big)
  t.is(decodeBuffer(Blob, 0, w.toBuffer()).c?.length, 5002)
})

const Lists = message('Lists', '0-9', '5+', { a: array(int16()), b: array({ x: int8() }, { nullable: true }) })

test('an array has 32 bits of count, or a compact one; null is -1 or 0', (t) => {
  t.is(hex(Lists, 0, { a: [1, -1], b: [{ x: 7 }] }), '00000002' + '0001ffff' + '00000001' + '07')
  t.is(hex(Lists, 5, { a: [1, -1], b: [{ x: 7 }] }), '03' + '0001ffff' + '02' + '0700' + '00')
  t.is(hex(Lists, 0, { a: [], b: null }), '00000000' + 'ffffffff')
  t.is(hex(Lists, 5, { a: [], b: null }), '01' + '00' + '00')
})

test('a count is checked against the bytes that remain before anything is allocated', (t) => {
  t.throws(() => back(Lists, 0, '7fffffff 0001'), { message: /2147483647 elements of at least 2 bytes each announced, 2 bytes left/ })
  t.throws(() => decodeBuffer(Lists, 5, Buffer.from('ffffffff0f0001', 'hex')), {
    code: 'CORRUPT_FRAME',
    message: /^Lists\.a: 4294967294 elements of at least 2 bytes each announced, 2 bytes left \(version 5\)$/,
  })
  t.throws(() => decodeBuffer(Lists, 0, Buffer.from('0000000200010002' + '00000005' + '0000', 'hex')), { message: /^Lists\.b: 5 elements/ })
})

test('null where a version does not allow it is refused in both directions', (t) => {
  const Nullable = message('Nullable', '0-9', 'none', { a: string({ nullable: '3+' }), b: array(int8(), { nullable: '3+' }) })
  t.throws(() => encodeBuffer(Nullable, 2, { a: null, b: [] }), {
    code: 'INVALID_ARGUMENT',
    message: /^Nullable\.a: is null, which this version does not allow/,
  })
  t.throws(() => encodeBuffer(Nullable, 2, { a: '', b: null }), { message: /^Nullable\.b: is null/ })
  t.throws(() => decodeBuffer(Nullable, 2, Buffer.from('ffff00000000', 'hex')), { code: 'CORRUPT_FRAME', message: /^Nullable\.a: null/ })
  t.throws(() => decodeBuffer(Nullable, 2, Buffer.from('0000ffffffff', 'hex')), { code: 'CORRUPT_FRAME', message: /^Nullable\.b: null/ })
  t.deepEqual(back(Nullable, 3, 'ffff ffffffff'), { a: null, b: null })
})

const Numbers = message('Numbers', '0', 'none', {
  a: bool(),
  b: int8(),
  c: int16(),
  d: uint16(),
  e: int32(),
  f: uint32(),
  g: int64(),
  h: int64Exact(),
  i: float64(),
  j: uuid(),
})

test('numbers are big-endian and keep their signs', (t) => {
  const body = { a: true, b: -2, c: -3, d: 65_535, e: -4, f: 4_294_967_295, g: -5, h: -(2n ** 63n), i: 0.5, j: 'AAAAAAAAAAAAAAAAAAAAAQ' }
  const text = '01 fe fffd ffff fffffffc ffffffff fffffffffffffffb 8000000000000000 3fe0000000000000 00000000000000000000000000000001'
  t.is(hex(Numbers, 0, body), text.replaceAll(' ', ''))
  t.deepEqual(back(Numbers, 0, text), body)
})

test('a number that does not fit its field is refused with the name of the field', (t) => {
  const zero = { a: false, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0n, i: 0, j: ZERO_UUID }
  const wrong = [
    { b: 128 },
    { b: 0.5 },
    { c: -32_769 },
    { d: -1 },
    { d: 65_536 },
    { e: 2 ** 31 },
    { e: NaN },
    { f: -1 },
    { g: 2 ** 53 },
    { g: 0.1 },
    { h: 2n ** 63n },
    { j: 'short' },
    { j: '!'.repeat(22) },
    { a: 1 as unknown as boolean },
    { b: '1' as unknown as number },
    { h: 1 as unknown as bigint },
    { i: '1' as unknown as number },
    { e: undefined as unknown as number },
  ]
  for (const part of wrong) {
    const name = Object.keys(part)[0]
    const error = t.throws(() => encodeBuffer(Numbers, 0, { ...zero, ...part }), { instanceOf: MoldauError, code: 'INVALID_ARGUMENT' })
    t.true(error.message.startsWith(`Numbers.${name}: `), error.message)
  }
})

test('an int64 beyond 2^53 is refused on reading, unless the field is declared int64Exact', (t) => {
  const Wide = message('Wide', '0', 'none', { a: int64(), b: int64Exact() })
  t.deepEqual(back(Wide, 0, '001fffffffffffff 7fffffffffffffff'), { a: Number.MAX_SAFE_INTEGER, b: 2n ** 63n - 1n })
  t.deepEqual(back(Wide, 0, 'ffe0000000000001 8000000000000000'), { a: Number.MIN_SAFE_INTEGER, b: -(2n ** 63n) })
  for (const beyond of ['0020000000000000', 'ffe0000000000000', '7fffffffffffffff', '8000000000000000']) {
    t.throws(() => decodeBuffer(Wide, 0, Buffer.from(beyond + '00'.repeat(8), 'hex')), {
      code: 'CORRUPT_FRAME',
      message: /^Wide\.a: .* beyond 2\^53/,
    })
  }
})

const Changing = message('Changing', '0-9', 'none', {
  always: int8(),
  later: int32('3+', { default: -1 }),
  gone: string('0-2', { ignorable: true }),
  list: array({ x: int8() }, '4+'),
  part: struct({ y: int8({ default: 9 }) }, '5+'),
  nothing: bytes('6+', { nullable: true, default: null }),
})

test('a field outside its versions has its default after reading', (t) => {
  t.deepEqual(back(Changing, 0, '01 0000'), { always: 1, later: -1, gone: '', list: [], part: { y: 9 }, nothing: null })
  t.deepEqual(back(Changing, 3, '01 00000005'), { always: 1, later: 5, gone: '', list: [], part: { y: 9 }, nothing: null })
})

test('a field outside its versions must have its default on writing, unless it is ignorable', (t) => {
  t.is(hex(Changing, 3, { always: 1, later: 2, gone: 'dropped' }), '01' + '00000002')
  t.is(hex(Changing, 0, { always: 1, later: -1, list: [], part: { y: 9 }, nothing: null }), '01' + '0000')
  t.is(hex(Changing, 0, { always: 1, part: {} }), '01' + '0000')
  const lost = [{ later: 0 }, { list: [{ x: 1 }] }, { part: { y: 8 } }, { nothing: Buffer.alloc(0) }]
  for (const part of lost) {
    const name = Object.keys(part)[0]
    const error = t.throws(() => encodeBuffer(Changing, 0, { always: 1, ...part }), { code: 'UNSUPPORTED_VERSION' })
    t.is(error.message, `Changing.${name}: has a value, but this version of the message cannot carry it (version 0)`)
  }
})

test('what may be left out takes its default on writing; what may not is missed by name', (t) => {
  t.is(hex(Changing, 9, { always: 1 }), '01' + 'ffffffff' + '00000000' + '09' + 'ffffffff')
  t.throws(() => encodeBuffer(Changing, 9, {} as Input<typeof Changing>), { message: 'Changing.always: is missing (version 9)' })
})

const Tagged = message('Tagged', '0-9', '3+', {
  a: int8(),
  t1: string('3+', { tag: 1, ignorable: true }),
  t0: int32('3+', { tag: 0, default: -1, ignorable: true }),
  t2: struct({ n: int64() }, '4+', { tag: 2, nullable: true, default: null, ignorable: true }),
})

test('tagged fields leave the body for the trailer, sorted by tag, and only when they differ from their defaults', (t) => {
  t.is(hex(Tagged, 0, { a: 1, t0: 5, t1: 'x' }), '01')
  t.is(hex(Tagged, 3, { a: 1 }), '01' + '00')
  t.is(hex(Tagged, 3, { a: 1, t0: -1, t1: '' }), '01' + '00')
  t.is(hex(Tagged, 3, { a: 1, t0: 5, t1: 'x' }), '01' + '02' + '00' + '04' + '00000005' + '01' + '02' + '0278')
  t.is(hex(Tagged, 4, { a: 1, t2: { n: 6 } }), '01' + '01' + '02' + '0a' + '01' + '0000000000000006' + '00')
  t.deepEqual(back(Tagged, 4, '01 01 02 0a 01 0000000000000006 00'), { a: 1, t0: -1, t1: '', t2: { n: 6 } })
})

test('tags that we do not know are passed over', (t) => {
  t.deepEqual(back(Tagged, 3, '01 02 00 04 00000005 63 03 ffffff'), { a: 1, t0: 5, t1: '', t2: null })
  t.deepEqual(back(Text, 5, '01 01 02 05 01 aa 06 00'), { a: '', b: '' })
})

test('a tagged field whose size is not the size of its value is CORRUPT_FRAME', (t) => {
  for (const text of ['01 01 00 05 00000005 00', '01 01 00 03 000000', '01 01 00 7f 00000005', '01 01 63 7f 00']) {
    t.throws(() => decodeBuffer(Tagged, 3, Buffer.from(text.replaceAll(' ', ''), 'hex')), { code: 'CORRUPT_FRAME' })
  }
})

test('every struct of a flexible version ends with a trailer, also one without fields of its own', (t) => {
  const Nested = message('Nested', '0-1', '1+', { s: struct({ later: int8('2+') }), l: array(struct({ x: int8() })) })
  t.is(hex(Nested, 0, { s: {}, l: [{ x: 1 }] }), '00000001' + '01')
  t.is(hex(Nested, 1, { s: {}, l: [{ x: 1 }] }), '00' + '02' + '0100' + '00')
})

test('a struct that may be null has a byte in front: -1 for null, 1 for one that follows', (t) => {
  const Maybe = message('Maybe', '0-1', '1+', { s: struct({ x: int8() }, { nullable: true }) })
  t.is(hex(Maybe, 0, { s: null }), 'ff')
  t.is(hex(Maybe, 1, { s: { x: 5 } }), '01' + '0500' + '00')
  t.deepEqual(back(Maybe, 0, '01 05'), { s: { x: 5 } })
  t.deepEqual(back(Maybe, 1, 'ff 00'), { s: null })
})

test('errors name the path to the field', (t) => {
  const Deep = message('Deep', '0', 'none', { topics: array({ name: string(), partitions: array({ index: int32() }) }) })
  t.throws(() => encodeBuffer(Deep, 0, { topics: [{ name: 'a', partitions: [{ index: 0 }, { index: 1.5 }] }] }), {
    message: 'Deep.topics[0].partitions[1].index: 1.5 is not a value of type int32 (version 0)',
  })
  t.throws(() => encodeBuffer(Deep, 0, { topics: [{ name: 5, partitions: [] }] } as unknown as Input<typeof Deep>), {
    message: 'Deep.topics[0].name: a number where a string is wanted (version 0)',
  })
  t.throws(() => decodeBuffer(Deep, 0, Buffer.from('00000001' + '000161' + '00000001' + '000000', 'hex')), {
    code: 'CORRUPT_FRAME',
    message: /^Deep\.topics\[0\]\.partitions: 1 elements of at least 4 bytes each announced, 3 bytes left/,
  })
})

test('a damaged message of more than a megabyte is refused without a search for the field', (t) => {
  const large = Buffer.concat([Buffer.from('00000002' + '00100000', 'hex'), Buffer.alloc(1024 * 1024 + 2)])
  const Huge = message('Huge', '0', 'none', { parts: array(bytes()) })
  t.throws(() => decodeBuffer(Huge, 0, large), { code: 'CORRUPT_FRAME', message: /^Huge: 4 bytes wanted at .* \(version 0\)$/ })
})

test('a version that the message does not have is UNSUPPORTED_VERSION', (t) => {
  t.throws(() => decodeBuffer(Text, 10, Buffer.alloc(9)), { code: 'UNSUPPORTED_VERSION', message: 'Text has versions 0-9, not 10' })
  t.throws(() => encodeBuffer(Text, -1, { a: '', b: '' }), { code: 'UNSUPPORTED_VERSION' })
})

test('reading leaves what follows the message', (t) => {
  const r = new Reader(Buffer.from('0000' + '0000' + 'aabb', 'hex'))
  t.deepEqual(decode(Text, 0, r), { a: '', b: '' })
  t.is(r.remaining, 2)
})

test('inspect shows the code of a version', (t) => {
  const code = inspect(Text, 5)
  t.true(code.includes('readCompactNullableString(r)'))
  t.true(code.endsWith('//# sourceURL=moldau:Text.v5'))
  t.false(inspect(Text, 4).includes('CompactString(r)'))
})

test('where code generation is forbidden the interpreter does the work', (t) => {
  const script = `
    import { decodeBuffer, encodeBuffer } from './core/protocol/codec.ts'
    import { HeartbeatRequest } from './core/protocol/messages/heartbeat.ts'
    const body = { groupId: 'g', generationId: 7, memberId: 'm', groupInstanceId: null }
    process.stdout.write(JSON.stringify(decodeBuffer(HeartbeatRequest, 4, encodeBuffer(HeartbeatRequest, 4, body))))`
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module', '--eval', script]
  const output = execFileSync(process.execPath, flags, { encoding: 'utf8' })
  t.deepEqual(JSON.parse(output), { groupId: 'g', generationId: 7, memberId: 'm', groupInstanceId: null })
})
