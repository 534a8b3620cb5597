import { join } from 'node:path'
import { kafkaLibs } from '../../test/support/start-kafka.ts'
import { runChild } from './child.ts'
import type { Measured } from './contenders.ts'
import type { Task } from './task.ts'

/** What `kafka-producer-perf-test.sh` and `kafka-consumer-perf-test.sh` give the virtual machine. */
const HEAP = '-Xmx512M'

/**
 * Java's own tools, `org.apache.kafka.tools.ProducerPerformance` and `ConsumerPerformance`. The one writes records without keys, the other
 * counts bytes and looks at nothing: both do less than what the other clients are asked to. They say nothing of CPU: it is that of the
 * process, less that of one with a single record.
 */
export async function javaTools(timeoutMs: number): Promise<{ prepare(task: Task): Promise<void>; run(task: Task): Promise<Measured> }> {
  const classPath = join(await kafkaLibs(), '*')
  const startCpu = new Map<Task['job'], number>()
  const java = async (task: Task): Promise<{ cpu: number; megabytesMax: number; records: number; seconds: number }> => {
    const [tool, args, read] = task.job === 'produce' ? producing(task) : consuming(task)
    const { stdout, cpu, megabytesMax } = await runChild('java', [HEAP, '-cp', classPath, `org.apache.kafka.tools.${tool}`, ...args], {
      env: process.env,
      timeoutMs,
    })
    return { cpu, megabytesMax, ...read(stdout) }
  }
  return {
    async prepare(task) {
      startCpu.set(task.job, (await java({ ...task, records: 1 })).cpu)
    },
    async run(task) {
      const done = await java(task)
      return { ...done, cpu: done.cpu - startCpu.get(task.job)!, sum: 0 }
    },
  }
}

type Call = [tool: string, args: string[], read: (stdout: string) => { records: number; seconds: number }]

function producing({ topic, records, valueBytes, bootstrap, batchBytes, lingerMs }: Task): Call {
  const settings = ['acks=all', 'enable.idempotence=true', `batch.size=${batchBytes}`, `linger.ms=${lingerMs}`, 'buffer.memory=67108864']
  const size = ['--record-size', String(valueBytes), '--throughput', '-1']
  const args = ['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', String(records), ...size]
  const read = (stdout: string): { records: number; seconds: number } => {
    const [, sent, rate] = /^(\d+) records sent, ([\d.]+) records\/sec .*th/m.exec(stdout) ?? unclear(stdout)
    return { records: Number(sent), seconds: Number(sent) / Number(rate) }
  }
  return ['ProducerPerformance', [...args, '--command-property', ...settings], read]
}

function consuming({ topic, records, bootstrap, groupId, commitEveryMs }: Task): Call {
  const args = ['--bootstrap-server', bootstrap, '--topic', topic, '--num-records', String(records), '--group', groupId, '--hide-header']
  const read = (stdout: string): { records: number; seconds: number } => {
    const fields = stdout.trim().split('\n').at(-1)!.split(', ')
    if (fields.length < 9) return unclear(stdout)
    // The time of joining the group is told apart.
    return { records: Number(fields[4]), seconds: Number(fields[7]) / 1000 }
  }
  return ['ConsumerPerformance', [...args, '--command-property', `auto.commit.interval.ms=${commitEveryMs}`], read]
}

function unclear(stdout: string): never {
  throw new Error(`java said something else: ${stdout.slice(-500)}`)
}
