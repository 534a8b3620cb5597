import test from 'ava'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import { apiByKey, apis } from '../../core/protocol/apis.ts'
import { decode } from '../../core/protocol/codec.ts'
import { decodeRequestHeader, decodeResponse, encodeRequest, encodeResponse } from '../../core/protocol/header.ts'
import { describeVersions } from '../../core/protocol/versions.ts'

const beat = { groupId: 'g', generationId: 1, memberId: 'm' }

function frameOf(chunks: Buffer[]): Buffer {
  const whole = Buffer.concat(chunks)
  if (whole.readInt32BE(0) !== whole.length - 4) throw new Error('the length of the frame is wrong')
  return whole.subarray(4)
}

test('a request header has a tagged trailer exactly when the body is flexible', (t) => {
  t.is(
    frameOf(encodeRequest(Heartbeat, 3, 5, 'me', beat))
      .subarray(0, 12)
      .toString('hex'),
    '000c' + '0003' + '00000005' + '00026d65',
  )
  t.is(
    frameOf(encodeRequest(Heartbeat, 4, 5, 'me', beat))
      .subarray(0, 13)
      .toString('hex'),
    '000c' + '0004' + '00000005' + '00026d65' + '00',
  )
  for (const version of [3, 4]) {
    const header = decodeRequestHeader(frameOf(encodeRequest(Heartbeat, version, 5, 'me', beat)))
    t.like(header, { apiKey: 12, apiVersion: version, correlationId: 5, clientId: 'me' })
    t.deepEqual(decode(Heartbeat.request, version, header.reader), { ...beat, groupInstanceId: null })
  }
})

test('a client id may be null', (t) => {
  t.is(decodeRequestHeader(frameOf(encodeRequest(Heartbeat, 4, 5, null, beat))).clientId, null)
})

test('a response header has a tagged trailer exactly when the body is flexible, but never for ApiVersions', (t) => {
  const answer = { throttleTimeMs: 0, errorCode: 27 }
  t.is(frameOf(encodeResponse(Heartbeat, 3, 5, answer)).toString('hex'), '00000005' + '00000000' + '001b')
  t.is(frameOf(encodeResponse(Heartbeat, 4, 5, answer)).toString('hex'), '00000005' + '00' + '00000000' + '001b' + '00')
  t.is(
    frameOf(encodeResponse(ApiVersions, 3, 5, { errorCode: 35, apiKeys: [] })).toString('hex'),
    '00000005' + '0023' + '01' + '00000000' + '00',
  )
  for (const version of [3, 4]) {
    t.deepEqual(decodeResponse(Heartbeat, version, frameOf(encodeResponse(Heartbeat, version, 5, answer))), {
      correlationId: 5,
      body: answer,
    })
  }
})

test('the header of an ApiVersions request from the future can be read, so that it can be answered with UNSUPPORTED_VERSION', (t) => {
  const frame = Buffer.from('0012' + '0063' + '00000007' + '00026d65' + '00' + 'ff', 'hex')
  t.like(decodeRequestHeader(frame), { apiKey: 18, apiVersion: 99, correlationId: 7, clientId: 'me' })
})

test('an answer to ApiVersions in version 0 is understood whatever version was asked for', (t) => {
  const refusal = { errorCode: 35, apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 2 }] }
  for (const asked of [0, 1, 2, 3, 4])
    t.like(decodeResponse(ApiVersions, asked, frameOf(encodeResponse(ApiVersions, 0, 5, refusal))).body, refusal)
  const empty = { errorCode: 35, apiKeys: [] }
  for (const asked of [0, 1, 2, 3, 4])
    t.like(decodeResponse(ApiVersions, asked, frameOf(encodeResponse(ApiVersions, 0, 5, empty))).body, empty)
  t.throws(() => decodeResponse(ApiVersions, 4, Buffer.from('00000005' + '0023' + '7fffffff', 'hex')), { code: 'CORRUPT_FRAME' })
})

test('a request that we know nothing of is UNSUPPORTED_VERSION, and one that is cut off CORRUPT_FRAME', (t) => {
  t.throws(() => decodeRequestHeader(Buffer.from('7ffe' + '0000' + '00000007' + 'ffff', 'hex')), {
    code: 'UNSUPPORTED_VERSION',
    message: /api key 32766/,
  })
  t.throws(() => decodeRequestHeader(Buffer.from('0012' + '0000' + '0000', 'hex')), { code: 'CORRUPT_FRAME' })
  t.throws(() => decodeRequestHeader(Buffer.from('0012' + '0000' + '00000007' + '0005' + 'aa', 'hex')), { code: 'CORRUPT_FRAME' })
  t.throws(() => decodeResponse(Heartbeat, 4, Buffer.from('00000005' + '7f', 'hex')), { code: 'CORRUPT_FRAME' })
})

test('keys and names of the calls are unique, and both halves of a call have the same versions', (t) => {
  t.is(new Set(apis.map((call) => call.key)).size, apis.length)
  for (const call of apis) {
    t.is(apiByKey(call.key), call)
    t.is(call.request.name, `${call.name}Request`)
    t.is(call.response.name, `${call.name}Response`)
    t.deepEqual(describeVersions(call.request.versions), describeVersions(call.response.versions), call.name)
    t.deepEqual(describeVersions(call.request.flexible), describeVersions(call.response.flexible), call.name)
  }
})
