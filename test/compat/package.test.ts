import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { runCommand } from '../support/run-command.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
// The Node that runs this test comes first, whatever the machine has.
const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, npm_config_audit: 'false', npm_config_fund: 'false' }

async function mustRun(t: { log(...args: unknown[]): void }, cwd: string, command: string, args: readonly string[]): Promise<string> {
  const done = await runCommand(command, args, { cwd, env })
  if (done.code !== 0) {
    t.log(done.stdout, done.stderr)
    throw new Error(`${command} ${args.join(' ')} ended with ${done.code ?? done.signal}`)
  }
  return done.stdout
}

test.serial('packed and installed into an empty project, the package gives types, the command and the demo', async (t) => {
  const project = await mkdtemp(join(tmpdir(), 'moldau-package-'))
  t.teardown(() => rm(project, { recursive: true, force: true }))
  await mustRun(t, root, 'npm', ['run', '--silent', 'build'])
  const packed = JSON.parse(await mustRun(t, root, 'npm', ['pack', '--silent', '--json', '--pack-destination', project])) as {
    filename: string
  }[]
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'empty', private: true, type: 'module' }))
  await mustRun(t, project, 'npm', ['install', '--prefer-offline', join(project, packed[0]!.filename)])

  await writeFile(
    join(project, 'use.ts'),
    `import { Broker, connect, avro } from 'moldau/core'
import { pipeline, topic } from 'moldau/pipelines'
const order = avro({ type: 'record', name: 'Order', fields: [{ name: 'sum', type: 'int' }] })
const broker: Broker = await Broker.start({ dir: './data' })
const client = await connect(broker)
const sum: number = order.deserialize(order.serialize({ sum: 3 }), 0, 1).sum
// @ts-expect-error a record of this schema has a number there
export const wrong = () => order.serialize({ sum: 'three' })
console.log(sum, typeof pipeline, typeof topic, client.clusterId.length)
await client.close()
await broker.close()
`,
  )
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2024',
        module: 'nodenext',
        strict: true,
        outDir: 'out',
        rootDir: '.',
        types: ['node'],
        typeRoots: [join(root, 'node_modules', '@types')],
      },
      files: ['use.ts'],
    }),
  )
  await mustRun(t, project, join(bin, 'tsc'), ['-p', '.'])
  t.regex(await mustRun(t, project, process.execPath, ['out/use.js']), /^3 function function 22/m)

  t.regex(await mustRun(t, project, 'npx', ['moldau', '--help']), /moldau demo/)
  const demo = await mustRun(t, project, 'npx', ['moldau', 'demo', '--dir', join(project, 'demo')])
  t.regex(demo, /100,000/)
  t.regex(demo, /each offset exactly once/)
  t.regex(demo, /npm install vega-datasets@3\.2\.1/)
})

test('a Node that is too old is told what to do', async (t) => {
  const preload = join(await mkdtemp(join(tmpdir(), 'moldau-old-')), 'old.cjs')
  await writeFile(preload, "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })")
  const done = await runCommand(process.execPath, ['--require', preload, join(root, 'bin', 'moldau.cjs'), '--help'])
  await rm(join(preload, '..'), { recursive: true })
  t.is(done.code, 1)
  t.regex(done.stderr, /needs Node 24\.12 or newer, this is 20\.1\.0/)
  t.regex(done.stderr, /npx -y -p node@24/)
})
