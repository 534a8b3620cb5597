import { copyFile, mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import test, { type ExecutionContext } from 'ava'

import { Broker, connect, json } from '../../core/index.ts'
import { moldau } from '../support/run-command.ts'
import { readAll } from '../support/run-pipelines.ts'
import { StartedMoldau } from '../support/start-moldau.ts'

const fixtures = new URL('../fixtures/', import.meta.url).pathname

/** A person's project, within the package so that it finds `moldau/core`: three orders, the last one to be refused where told so. */
async function project(
  t: ExecutionContext,
): Promise<{ dir: string; data: string; lake: string; write(name: string, text: string): Promise<string> }> {
  const dir = await mkdtemp(join(fixtures, 'project-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text)
    return join(dir, name)
  }
  await write('orders.jsonl', '{"id":"a","sum":50}\n{"id":"b","sum":150}\n{"id":"c","sum":250}\n')
  return { dir, data: join(dir, 'data'), lake: join(dir, 'lake'), write }
}

const jobs = (dir: string, operator: string): string => `
import { avro, json, string } from 'moldau/core'
import { files } from 'moldau/connectors/files'
import { hdfs } from 'moldau/connectors/hdfs'
import { filter, map, pipeline, topic } from 'moldau/pipelines'

type Order = { id: string; sum: number }
const order = avro({ type: 'record', name: 'Order', fields: [{ name: 'id', type: 'string' }, { name: 'sum', type: 'int' }] })
const orders = topic('orders', { key: string, value: order })
const large = topic('large', { key: string, value: json<Order>() })

export const load = pipeline('load')
  .from(files<Order>({ path: '${dir}/orders.jsonl', timestamp: () => 0 }))
  .pipe(map((r) => ({ key: r.value.id, value: r.value })))
  .to(orders)
export const pick = pipeline('pick').from(orders).pipe(${operator}).to(large)
export const lists = [pipeline('keep').from(orders).to(hdfs({ url: '${dir}/lake', partitionBy: { time: "'dt='yyyy-MM-dd" } })), load]
`

/** What is committed in a topic of a project's broker. */
async function committed(data: string, topic: string): Promise<unknown[]> {
  const broker = await Broker.start({ dir: data, port: null })
  const client = await connect(broker)
  try {
    const serde = json<unknown>()
    return (await readAll(client, topic, (bytes) => serde.deserialize(bytes, 0, bytes.length))).map(({ value }) => value)
  } finally {
    await client.close()
    await broker.close()
  }
}

test('pipelines of a file run to the end of their input, with a broker of their own, and go on where they were', async (t) => {
  const { dir, data, lake, write } = await project(t)
  const file = await write('jobs.ts', jobs(dir, 'filter((r) => r.value.sum > 100)'))
  const first = await moldau(['run', file, '--embedded', data, '--drain'])
  t.is(first.code, 0, first.stderr)
  t.regex(first.stderr, /running keep, load, pick \(exactly-once\)/)
  t.regex(first.stderr, /keep: in 3, out 3, lag 0 \| load: in 3, out 3, lag 0 \| pick: in 3, out 2, lag 0/)
  const again = await moldau(['run', file, '--embedded', data, '--drain'])
  t.is(again.code, 0, again.stderr)
  t.deepEqual(await committed(data, 'large'), [
    { id: 'b', sum: 150 },
    { id: 'c', sum: 250 },
  ])
  t.is((await moldau(['hdfs', 'verify', lake])).code, 0)
})

test('a pipeline whose operator throws ends the command with 1, names record and operator, and commits nothing of the epoch', async (t) => {
  const { dir, data, write } = await project(t)
  const throws = "filter((r) => { if (r.value.sum === 250) throw new Error('too rich'); return true })"
  const failed = await moldau(['run', await write('jobs.ts', jobs(dir, throws)), '--embedded', data, '--drain'])
  t.is(failed.code, 1)
  t.regex(
    failed.stderr,
    /^moldau: pipeline "pick", filter \(operator 1\): too rich \(at orders-0@2\); nothing of this epoch was committed\..*filter the record out/m,
  )
  t.notRegex(failed.stderr, /^ {4}at /m)
  t.deepEqual(await committed(data, 'large'), [])
  // A corrected file goes on with the very records that were refused.
  const corrected = await write('corrected.ts', jobs(dir, 'filter(() => true)'))
  t.is((await moldau(['run', corrected, '--embedded', data, '--drain'])).code, 0)
  t.is((await committed(data, 'large')).length, 3)
})

test('a running job stops after its epoch when asked to, and ends with 0', async (t) => {
  const { dir, data, write } = await project(t)
  const job = new StartedMoldau(t, ['run', await write('jobs.ts', jobs(dir, 'filter(() => true)')), '--embedded', data])
  while (!/pick: in 3, out 3/.test(job.stderr)) await new Promise((resolve) => job.child.stderr!.once('data', resolve))
  const ended = await job.end('SIGTERM')
  t.is(ended.code, 0, ended.stderr)
  t.is((await committed(data, 'large')).length, 3)
})

test('a file that cannot be run says why: it is missing, exports no pipeline, does not parse, throws', async (t) => {
  const { dir, write } = await project(t)
  const refused = async (file: string): Promise<string> => {
    const done = await moldau(['run', file, '--embedded', join(dir, 'unused')])
    t.is(done.code, 1)
    t.notRegex(done.stderr, /^ {4}at /m)
    return done.stderr
  }
  t.regex(await refused(join(dir, 'nothing.ts')), /there is no file .*nothing\.ts; give a \.ts or \.js module/)
  t.regex(await refused(await write('none.ts', 'export const x = 3\n')), /none\.ts exports no pipeline; add for example: export const job/)
  t.regex(await refused(await write('broken.ts', 'const a = 1\nexport const x = = 3\n')), /cannot load .*broken\.ts: .*\(.*broken\.ts:2\)/)
  t.regex(
    await refused(await write('broken.js', 'export const x = = 3\n')),
    /cannot load .*broken\.js: Unexpected token '='; 'node --check/,
  )
  t.regex(await refused(await write('throws.ts', 'const a = 1\nthrow new Error("oh")\n')), /cannot load .*: oh \(.*throws\.ts:2\)/)
  t.regex(await refused(await write('lost.ts', 'import "nowhere"\n')), /cannot load .*Cannot find package 'nowhere'/)
  t.false((await readdir(dir)).includes('unused'))
})

test('a lake is listed and verified; a file that is removed, cut off or doubled is named, and the command ends with 1', async (t) => {
  const { dir, data, lake, write } = await project(t)
  const file = await write('jobs.ts', jobs(dir, 'filter(() => true)'))
  t.is((await moldau(['run', file, '--embedded', data, '--drain'])).code, 0)
  const day = join(lake, 'dt=1970-01-01')
  const [name] = await readdir(day)
  const whole = await moldau(['hdfs', 'verify', lake])
  t.is(whole.code, 0)
  // The commit of the transaction that loaded them is an offset, too.
  t.regex(whole.stdout, /^verified: topic orders, 1 partition, 4 offsets: 3 records in 1 file \+ 1 control.*, each offset exactly once\n$/)
  const listed = await moldau(['hdfs', 'ls', lake, '--json'])
  t.like(JSON.parse(listed.stdout), { topic: 'orders', partition: 0, next: 4, records: 3, files: 1 })
  t.regex((await moldau(['hdfs', 'ls', lake])).stdout, /^topic .*last commit\norders +0 +4 +3 +1 .* s ago\n$/)

  const problem = async (): Promise<string> => {
    const done = await moldau(['hdfs', 'verify', lake])
    t.is(done.code, 1)
    return done.stdout
  }
  await copyFile(join(day, name!), join(day, `copy-${name}`))
  t.regex(await problem(), new RegExp(`1 problem:\\n.*dt=1970-01-01/copy-${name}`))
  await rm(join(day, `copy-${name}`))
  await copyFile(join(day, name!), join(dir, 'kept'))
  await truncate(join(day, name!), 100)
  t.regex(await problem(), new RegExp(`1 problem:\\n.*${name}`))
  await rm(join(day, name!))
  const missing = await moldau(['hdfs', 'verify', lake, '--json'])
  t.is(missing.code, 1)
  t.like(JSON.parse(missing.stdout), { ok: false, problems: { 0: { kind: 'missing' } } })
  await copyFile(join(dir, 'kept'), join(day, name!))
  t.is((await moldau(['hdfs', 'verify', lake])).code, 0)

  for (const command of ['verify', 'ls']) {
    const nothing = await moldau(['hdfs', command, join(dir, 'no-lake')])
    t.is(nothing.code, 1)
    t.regex(nothing.stderr, /no-lake: .*give the directory that the sink was given as url/)
  }
})
