/**
 * Many connections from one process, steered over its standard input: `node many-clients.ts PORT HOST`. One command a line, each answered with a
 * line of JSON:
 *
 *   open N     N more connections, each of which has been answered once: { open, refused }
 *   ask        asks once more on each connection: { answered, closed }
 *   fetch T K  sends K fetches of topic T on each connection, and reads none of the answers
 *   join N S   N groups of one member each, with sessions of S milliseconds and heartbeats: { joined }
 *   wait T     on each connection the beginning of a large request (on every second one), or a fetch of topic T that waits a second
 *   drip       reads a byte a second from each connection
 *   count      { open }
 *   close      ends them all
 */
import { type Socket, connect } from 'node:net'
import { createInterface } from 'node:readline'
import { systemClock } from '../../core/base/clock.ts'
import { Channel } from '../../core/net/channel.ts'
import { tcpDialer } from '../../core/net/dialer.ts'
import { encodeRequest } from '../../core/protocol/header.ts'
import { ApiVersions } from '../../core/protocol/messages/api-versions.ts'
import { Fetch } from '../../core/protocol/messages/fetch.ts'
import { beat, joinAlone } from './group-of-one.ts'

const port = Number(process.argv[2])
const host = process.argv[3]!
const ASK_MS = 20_000
/** Connections on their way at a time: more would only wait in the queue of the listener. */
const DIALLING_MAX = 256
const ask = Buffer.concat(encodeRequest(ApiVersions, 0, 1, 'many', {}))
const sockets = new Set<Socket>()

function fetchRequest(topic: string, maxWaitMs = 0): Buffer {
  const minBytes = maxWaitMs === 0 ? 1 : 1024 * 1024
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 50 * 1024 * 1024 }]
  return Buffer.concat(
    encodeRequest(Fetch, 4, 2, 'many', { maxWaitMs, minBytes, maxBytes: 50 * 1024 * 1024, topics: [{ topic, partitions }] }),
  )
}

/** True when the whole answer came, false when the connection ended before. */
function answered(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    let bytes = 0
    let wanted = Infinity
    const done = (result: boolean): void => {
      clearTimeout(patience)
      socket.off('data', onData)
      socket.off('close', onClose)
      resolve(result)
    }
    const onData = (chunk: Buffer): void => {
      if (bytes === 0) wanted = 4 + chunk.readInt32BE(0)
      bytes += chunk.length
      if (bytes >= wanted) done(true)
    }
    const onClose = (): void => done(false)
    const patience = setTimeout(() => done(false), ASK_MS)
    socket.on('data', onData)
    socket.on('close', onClose)
    socket.write(ask)
  })
}

function dial(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      resolve(false)
    })
    socket.once('connect', () => {
      sockets.add(socket)
      resolve(answered(socket))
    })
  })
}

async function open(count: number): Promise<object> {
  let opened = 0
  let left = count
  const next = async (): Promise<void> => {
    while (left-- > 0) if (await dial()) opened++
  }
  await Promise.all(Array.from({ length: DIALLING_MAX }, next))
  return { open: sockets.size, refused: count - opened }
}

async function join(count: number, sessionMs: number): Promise<object> {
  let joined = 0
  const one = async (i: number): Promise<void> => {
    const channel = new Channel(await tcpDialer().dial(host, port), { clientId: 'many', clock: systemClock })
    const member = await joinAlone(channel, `g${i}`, sessionMs)
    if ((await beat(channel, member)) === 'NONE') joined++
    setInterval(() => void beat(channel, member).catch(() => {}), sessionMs / 5)
  }
  await Promise.all(Array.from({ length: count }, (_, i) => one(i)))
  return { joined }
}

/** The length of a request that is never sent to its end, and the first bytes of it. */
const HALF_REQUEST = Buffer.concat([Buffer.from([0, 16, 0, 0]), ask.subarray(4)])

function leaveWaiting(topic: string): void {
  const request = fetchRequest(topic, 1000)
  for (const [i, socket] of [...sockets].entries()) socket.write(i % 2 === 0 ? request : HALF_REQUEST)
}

async function run(line: string): Promise<object> {
  const [command, first = '', second = '1'] = line.split(' ')
  if (command === 'open') return open(Number(first))
  if (command === 'ask') {
    const all = await Promise.all(Array.from(sockets, answered))
    return { answered: all.filter(Boolean).length, closed: all.filter((one) => !one).length }
  }
  if (command === 'fetch') {
    const request = fetchRequest(first)
    for (const socket of sockets) {
      socket.pause()
      for (let i = 0; i < Number(second); i++) socket.write(request)
    }
  }
  if (command === 'join') return join(Number(first), Number(second))
  if (command === 'wait') leaveWaiting(first)
  if (command === 'drip') setInterval(() => sockets.forEach((socket) => socket.read(1)), 1000)
  if (command === 'close') for (const socket of sockets) socket.destroy()
  return { open: sockets.size }
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${JSON.stringify(await run(line))}\n`)
