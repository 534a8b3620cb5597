import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import test from 'ava'
import { ManualClock, systemClock } from '../../core/base/clock.ts'
import { silentLogger } from '../../core/base/logger.ts'
import { diskThreads, diskWork, threadPoolSize } from '../../core/base/thread-pool.ts'
import { DiskWatch } from '../../core/broker/disk-watch.ts'
import { tempDir } from '../support/start-broker.ts'

test.serial('a disk that hangs leaves threads to those who do not wait for it', async (t) => {
  const fifo = join(await tempDir(t), 'fifo')
  execFileSync('mkfifo', [fifo])
  // To open it holds a thread until somebody opens the other end.
  let hanging = 0
  const stuck = Array.from({ length: threadPoolSize() * 2 }, () =>
    diskWork(fifo, async () => {
      hanging++
      await (await fs.promises.open(fifo, 'r')).close()
    }),
  )
  t.is(hanging, diskThreads())
  t.true(hanging < threadPoolSize())
  t.true((await fs.promises.readFile(import.meta.filename)).length > 0)
  t.true((await promisify(gzip)('x')).length > 0)
  const other = fs.openSync(fifo, fs.constants.O_RDWR)
  await Promise.all(stuck)
  fs.closeSync(other)
  t.is(hanging, stuck.length)
})

test.serial('what the disk takes long over is told once a minute, with the remedy when others stand in line', async (t) => {
  const clock = new ManualClock()
  const told: { paths: string[]; waiting: number; remedy: string }[] = []
  const warn = (fields: object): void => void told.push(fields as (typeof told)[number])
  const watch = new DiskWatch({ clock, logger: { ...silentLogger, warn } })
  const { promise: slow, resolve: release } = Promise.withResolvers<void>()
  const works = [diskWork('/data/a', () => slow)]
  clock.advance(5000)
  t.deepEqual(told, [], 'it may just have begun')
  clock.advance(5000)
  t.like(told[0]!, { paths: ['/data/a'], waiting: 0, remedy: 'see the system log, and what else uses this disk' })
  while (works.length < diskThreads() + 2) works.push(diskWork('/data/b', () => slow))
  clock.advance(55_000)
  t.is(told.length, 1)
  clock.advance(5000)
  t.is(told.length, 2)
  t.is(told[1]!.waiting, 2)
  t.regex(told[1]!.remedy, /UV_THREADPOOL_SIZE=\d+ in its environment \(now \d+\)/)
  release()
  await Promise.all(works)
  clock.advance(600_000)
  t.is(told.length, 2)
  watch.stop()
})

test('some threads of the pool are kept from the disk, whatever its size', (t) => {
  t.deepEqual(
    [undefined, '1', '2', '4', '8', '16', '4096', '0', 'many'].map((setting) => [
      threadPoolSize(setting),
      diskThreads(threadPoolSize(setting)),
    ]),
    [
      [4, 3],
      [1, 1],
      [2, 1],
      [4, 3],
      [8, 6],
      [16, 12],
      [1024, 768],
      [1, 1],
      [1, 1],
    ],
  )
})

test('a timer that comes late lets what has come in meanwhile go first, and can still be called off', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    client.destroy()
    server.close()
  })
  const order: string[] = []
  socket.on('data', () => order.push('heartbeat'))
  const rung = new Promise<void>((resolve) => {
    systemClock.after(20, () => {
      order.push('session timeout')
      resolve()
    })
  })
  const called = systemClock.after(20, () => order.push('called off'))
  socket.once('data', () => called.cancel())
  // Written at once into the kernel's buffer; then nothing runs for longer than the timer.
  client.write('x')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
  await rung
  t.deepEqual(order, ['heartbeat', 'session timeout'])
})
