import { request as httpRequest } from 'node:http'

import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ManualClock } from '../../core/base/clock.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Broker } from '../../core/broker/broker.ts'
import { handlers } from '../../core/broker/handlers.ts'
import type { Channel } from '../../core/net/channel.ts'
import { isLoopback } from '../../core/testing/control/access.ts'
import { Rules, RULES_MAX } from '../../core/testing/control/rules.ts'
import { apis, Gate, startControl } from '../../core/testing/index.ts'
import type { ControlOptions } from '../../core/testing/index.ts'
import { startBroker } from '../support/start-broker.ts'
import { batch, createTopic, fetchFrom, listing, open, produce } from '../support/wire.ts'

interface Reply {
  status: number
  body: Record<string, unknown> & unknown[]
}

type Ask = (method: string, path: string, body?: unknown) => Promise<Reply>

async function start(
  t: ExecutionContext,
  options: ControlOptions = {},
  clock?: Clock,
): Promise<{ broker: Broker; channel: Channel; ask: Ask; url: string }> {
  const broker = await startBroker(t, { ...(clock !== undefined && { clock }) })
  const { url } = await startControl(broker, options)
  const channel = await open(t, broker)
  await createTopic(channel, 'a')
  await createTopic(channel, 'b')
  const ask: Ask = async (method, path, body) => {
    const answer = await fetch(`${url}${path}`, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })
    return { status: answer.status, body: (await answer.json()) as Reply['body'] }
  }
  return { broker, channel, ask, url }
}

const one = batch(['one'])
const valuesIn = async (channel: Channel, topic = 'a'): Promise<string[]> => listing(await fetchFrom(channel, topic, 0))

test('a rule makes requests fail, counts them, and is over when it has done what it should', async (t) => {
  const { channel, ask } = await start(t)
  const made = await ask('POST', '/rules', {
    api: 'Produce',
    action: 'error',
    error: 'NOT_LEADER_OR_FOLLOWER',
    message: 'moved',
    topic: 'a',
    times: 2,
  })
  t.is(made.status, 201)
  const rule = { api: ['Produce'], action: 'error', error: 'NOT_LEADER_OR_FOLLOWER', message: 'moved', topic: 'a', times: 2 }
  t.deepEqual(made.body as object, { id: 1, ...rule, hits: 0, held: 0, active: true })
  t.is((await produce(channel, 'b', one)).error, 'NONE')
  for (let i = 0; i < 2; i++) t.like(await produce(channel, 'a', one), { error: 'NOT_LEADER_OR_FOLLOWER', message: 'moved' })
  t.is((await produce(channel, 'a', one)).error, 'NONE')
  t.deepEqual((await ask('GET', '/rules/1')).body as object, { id: 1, ...rule, hits: 2, held: 0, active: false })
  t.is((await ask('GET', '/rules')).body.length, 1)
  t.is((await ask('DELETE', '/rules/1')).status, 200)
  t.deepEqual((await ask('GET', '/rules')).body, [])
})

test('drop loses the request, drop-after the answer only', async (t) => {
  const { broker, channel, ask } = await start(t)
  for (const [action, records] of [
    ['drop', []],
    ['drop-after', ['0:one']],
  ] as const) {
    await ask('POST', '/rules', { api: 'Produce', action, times: 1 })
    await t.throwsAsync(produce(await open(t, broker), 'a', one), { code: 'CONNECTION_LOST' })
    t.deepEqual(await valuesIn(channel), [...records])
  }
})

test('what is held goes on when it is released, when the rule goes, and when the broker stops', async (t) => {
  const { broker, channel, ask } = await start(t)
  const { body } = await ask('POST', '/rules', { api: 'Produce', action: 'hold' })
  const path = `/rules/${body['id'] as number}`
  const channels = [channel, await open(t, broker), await open(t, broker), await open(t, broker)]
  const sent = channels.map((each) => produce(each, 'a', one))
  const held = async (count: number): Promise<void> => {
    while ((await ask('GET', path)).body['held'] !== count) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await held(4)
  t.deepEqual((await ask('POST', `${path}/release`, { count: 1 })).body as object, { released: 1 })
  await Promise.race(sent)
  await held(3)
  t.deepEqual((await ask('POST', `${path}/release`)).body as object, { released: 3 })
  await Promise.all(sent)
  const more = produce(channel, 'a', one)
  await held(1)
  t.like((await ask('DELETE', path)).body, { hits: 5, held: 0, active: false })
  t.is((await more).error, 'NONE')
  const { body: last } = await ask('POST', '/rules', { api: '*', action: 'hold', clientId: 'test' })
  const lastSent = produce(channel, 'a', one)
  while ((await ask('GET', `/rules/${last['id'] as number}`)).body['held'] !== 1) await new Promise((resolve) => setTimeout(resolve, 5))
  await broker.close()
  t.is((await lastSent).error, 'NONE')
  await t.throwsAsync(ask('GET', '/rules'), undefined, 'the control has gone with its broker')
})

test('delays are made, and chances are drawn again by their seed', async (t) => {
  const clock = new ManualClock()
  const { channel, ask } = await start(t, { random: () => 0.5 }, clock)
  await ask('POST', '/rules', { api: 'Produce', action: 'delay', delayMs: 30, times: 1 })
  let answered = false
  const sent = produce(channel, 'a', one).finally(() => (answered = true))
  while ((await ask('GET', '/rules/1')).body['hits'] !== 1) continue
  clock.advance(29)
  await ask('GET', '/rules/1')
  t.false(answered)
  clock.advance(1)
  t.is((await sent).error, 'NONE')
  const draw = async (seed?: number): Promise<[boolean[], number]> => {
    const rule = { api: ['Produce'], action: 'error', error: 6, probability: 0.4, ...(seed !== undefined && { seed }) }
    const { body } = await ask('POST', '/rules', rule)
    const drawn: boolean[] = []
    for (let i = 0; i < 20; i++) drawn.push((await produce(channel, 'a', one)).error === 'NOT_LEADER_OR_FOLLOWER')
    await ask('DELETE', '/rules')
    return [drawn, body['seed'] as number]
  }
  const [drawn, seed] = await draw()
  t.is(seed, Math.floor(0.5 * 0x7fff_ffff), 'the seed is told')
  t.true(drawn.includes(true) && drawn.includes(false))
  t.deepEqual(await draw(seed), [drawn, seed])
})

test('calls and errors are listed', async (t) => {
  const { ask } = await start(t)
  const { body: calls } = await ask('GET', '/apis')
  t.is(calls.length, handlers.length)
  t.deepEqual(calls[0], { api: 'Produce', key: 0, minVersion: 0, maxVersion: 13 })
  const { body: errors } = await ask('GET', '/errors')
  t.deepEqual(
    errors.find((each) => (each as { code: number }).code === 6),
    { error: 'NOT_LEADER_OR_FOLLOWER', code: 6, retriable: true },
  )
  t.true(((await ask('GET', '/')).body as string[]).some((line) => line.startsWith('POST   /rules ')))
})

test('a rule that cannot be is refused with the field and the remedy', async (t) => {
  const { broker, ask, url } = await start(t)
  const good = { api: 'Produce', action: 'drop' }
  const bad: [unknown, RegExp][] = [
    [undefined, /a rule is an object such as \{"api": "Produce", "action": "drop"\}/],
    [[], /a rule is an object/],
    [{ action: 'drop' }, /api is missing: it must be the name of a call such as "Produce".*GET \/apis/],
    [{ ...good, api: 'produce' }, /api must be the name of a call.*it is "produce"/],
    [{ ...good, api: [] }, /api must be/],
    [{ ...good, api: ['Produce', 'X'] }, /api must be/],
    [{ ...good, action: 'explode' }, /action must be one of error, delay, hold, drop, drop-after; it is "explode"/],
    [{ ...good, action: 'error' }, /error is missing: it must be the name or number.*GET \/errors/],
    [{ ...good, action: 'error', error: 'OOPS' }, /error must be the name or number.*it is "OOPS"/],
    [{ ...good, action: 'error', error: 0 }, /error must be/],
    [{ ...good, error: 'NOT_COORDINATOR' }, /error goes with "action": "error", not with "drop": leave it out/],
    [{ ...good, delayMs: 5 }, /delayMs goes with "action": "delay"/],
    [{ ...good, action: 'delay' }, /delayMs is missing: say how long, in milliseconds/],
    [{ ...good, action: 'delay', delayMs: -1 }, /delayMs must be a whole number from 0 to 86400000; it is -1/],
    [{ ...good, times: 0 }, /times must be a whole number of at least 1; it is 0/],
    [{ ...good, probability: 1.5 }, /probability must be a number from 0 to 1; it is 1\.5/],
    [{ ...good, seed: 'x' }, /seed must be a whole number; it is "x"/],
    [{ ...good, versions: '4-' }, /versions must be written as "3", "0-8" or "9\+"; it is "4-"/],
    [{ ...good, topic: 5 }, /topic must be a text; it is 5/],
    [{ ...good, topics: 'a' }, /topics is no field of a rule: there are api, action, error/],
  ]
  for (const [rule, message] of bad) {
    const { status, body } = await ask('POST', '/rules', rule)
    t.is(status, 400)
    t.regex(body['error'] as string, message)
  }
  t.deepEqual((await ask('GET', '/rules')).body, [], 'nothing was installed')
  const raw = await fetch(`${url}/rules`, { method: 'POST', body: '{' })
  t.is(raw.status, 400)
  t.regex(((await raw.json()) as { error: string }).error, /the body is not JSON/)
  const long = await fetch(`${url}/rules`, { method: 'POST', body: JSON.stringify({ ...good, topic: 'x'.repeat(70_000) }) })
  t.regex(((await long.json()) as { error: string }).error, /the body is longer than 65536 bytes/)
  for (const path of ['/rules/7', '/rules/x', '/rules/7/release', '/nothing', '/rules/1/release/now']) {
    t.is((await ask(path.endsWith('release') ? 'POST' : 'GET', path)).status, 404, path)
  }
  t.regex((await ask('GET', '/rules/7')).body['error'] as string, /there is no rule '7': GET \/rules lists them/)
  await ask('POST', '/rules', good)
  t.regex(
    (await ask('POST', '/rules/1/release', { count: 0 })).body['error'] as string,
    /count must be a whole number of at least 1, not 0/,
  )
  t.deepEqual((await ask('DELETE', '/rules')).body as object, { removed: 1 })
  const rules = new Rules(broker, apis, Math.random)
  for (let i = 0; i < RULES_MAX; i++) rules.add(good)
  t.throws(() => rules.add(good), { message: /there are 1000 rules, which is the limit: DELETE some/ })
  t.is(rules.clear(), RULES_MAX)
})

/** As a browser or a foreign program would ask: fetch() does not let these headers be set. */
function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest(`${url}/rules`, { headers }, (response) => {
      response.resume()
      resolve(response.statusCode!)
    })
      .on('error', reject)
      .end()
  })
}

test('without a token only this machine is served, and no web page; with one everybody who shows it', async (t) => {
  const { broker, url } = await start(t)
  const { port } = new URL(url)
  t.is(await statusOf(url, {}), 200)
  t.is(await statusOf(url, { host: `localhost:${port}` }), 200)
  t.is(await statusOf(url, { host: `evil.example:${port}` }), 403)
  t.is(await statusOf(url, { origin: 'http://evil.example' }), 403)
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'broker.example', '127.0.0.1.example']) {
    await t.throwsAsync(startControl(broker, { host, port: 9644 }), {
      code: 'INVALID_CONFIG',
      message: /others than this machine reach .*give it a token/,
    })
  }
  await t.throwsAsync(startControl(broker, { token: '' }), { code: 'INVALID_CONFIG', message: /an empty token is none/ })
  await t.throwsAsync(startControl(broker, { port: Number(port) }), { code: 'PORT_IN_USE', message: /port \d+ on 127\.0\.0\.1 is in use/ })
  const open = await startControl(broker, { host: '0.0.0.0', token: 'secret' })
  const there = open.url.replace('0.0.0.0', '127.0.0.1')
  t.is(await statusOf(there, {}), 401)
  t.is(await statusOf(there, { authorization: 'Bearer secreT' }), 401)
  t.is(await statusOf(there, { authorization: 'Bearer secret', host: 'broker.example' }), 200)
  await open.close()
  await open.close()
  t.deepEqual(['localhost', '127.1.2.3', '::1', '[::1]', '10.0.0.1'].map(isLoopback), [true, true, true, true, false])
})

test('a gate counts who has come, and lets go in order', async (t) => {
  const gate = new Gate()
  const gone: number[] = []
  const pass = (i: number): void => void gate.pass().then(() => gone.push(i))
  let told = false
  const arrived = gate.arrived(2).then(() => (told = true))
  pass(1)
  await Promise.resolve()
  t.false(told)
  pass(2)
  pass(3)
  await arrived
  t.is(gate.waiting, 3)
  t.is(gate.release(2), 2)
  await Promise.resolve()
  t.deepEqual(gone, [1, 2])
  t.is(gate.open(), 1)
  await gate.pass()
  t.deepEqual(gone, [1, 2, 3])
  await gate.arrived(4)
})
