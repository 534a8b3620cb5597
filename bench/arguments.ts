import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Names of rows, empty for all. */
  readonly rows: readonly string[]
  /** How often each row is measured. */
  readonly rounds: number
  /** Of `client` and `pipelines`: on a real Kafka. */
  readonly kafka: boolean
  /** Of `client` and `pipelines`: which others are measured, empty for all. */
  readonly clients: readonly string[]
  /** Of `client`: the folder of another version of ours, which takes the place of the others. */
  readonly against: string | undefined
}

export interface Arguments {
  readonly help: boolean
  /** `undefined`: nothing was asked for. */
  readonly name: string | undefined
  readonly format: 'table' | 'json' | 'markdown'
  /** Rows of an earlier run are printed, nothing is measured. */
  readonly from: string | undefined
  readonly options: BenchOptions
}

const ROUNDS = 5

/** @throws Error that says what is wrong with the command line */
export function parseArguments(args: string[]): Arguments {
  const { values, positionals } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      markdown: { type: 'boolean', default: false },
      from: { type: 'string' },
      rows: { type: 'string', default: '' },
      rounds: { type: 'string', default: String(ROUNDS) },
      kafka: { type: 'boolean', default: false },
      clients: { type: 'string', default: '' },
      against: { type: 'string' },
    },
    allowPositionals: true,
  })
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds ${values.rounds}: a whole number from 1 on is needed`)
  if (values.json && values.markdown) throw new Error('--json and --markdown: choose one')
  if (positionals.length > 1) throw new Error(`'${positionals[1]}': one name at a time; --rows chooses rows`)
  const list = (text: string): string[] => text.split(',').filter((one) => one !== '')
  return {
    help: values.help,
    name: positionals[0],
    format: values.json ? 'json' : values.markdown ? 'markdown' : 'table',
    from: values.from,
    options: {
      rows: list(values.rows),
      rounds,
      kafka: values.kafka,
      clients: list(values.clients),
      against: values.against,
    },
  }
}

export function usage(names: readonly string[], rows: Readonly<Record<string, readonly string[]>>): string {
  return `npm run bench -- NAME [options]

  NAME              ${names.join(', ')}, all
  --rows A,B        only these rows ${Object.entries(rows)
    .map(([name, list]) => `of ${name}: ${list.join(', ')}`)
    .join('\n                    or ')}
  --rounds N        how often each row is measured, default ${ROUNDS}
  --kafka           client, pipelines: on a real Kafka, default on our broker
  --clients A,B     client: only these beside ours, by their names on npm, and java; pipelines: kafka-streams, kafka-streams-rocksdb, flink
  --against DIR     client: beside ours of another version, from its checkout
  --json            one JSON object a line, as each is measured
  --markdown        the table of docs/benchmarks.md
  --from FILE       measure nothing: print what an earlier run wrote with --json

MOLDAU_BENCH_ALONE=1 leaves Kafka out, MOLDAU_BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=/tmp/prof' goes to the node of our broker;
MOLDAU_BENCH_CLIENT_NODE_ARGS to that of the clients, MOLDAU_BENCH_JOB_NODE_ARGS to that of our pipelines.

  npm run bench -- broker --rows one,16k,fetch
  npm run bench -- client --rows produce,consume --clients kafkajs,java
  npm run bench -- broker --json > rows.json
  npm run bench -- broker --from rows.json --markdown

docs/benchmarks.md says what each row is, and how to read it.`
}
