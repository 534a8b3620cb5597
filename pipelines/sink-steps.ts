import { CallSites } from './calls/call-site.ts'
import type { SinkBatch } from '../connectors/types.ts'
import type { ConsumerBatch } from '../core/client/types.ts'
import type { Settings } from './options.ts'
import type { AnyTopic } from './nodes.ts'
import type { Part, Plan } from './plan.ts'
import { Failures } from './errors/failures.ts'
import { failing } from './errors/policy.ts'
import { noCounts, type StageContext } from './stages/stage.ts'
import { StepsStage } from './stages/steps.ts'
import { RecordDecoder } from './topic-source.ts'

/**
 * The operators between a topic and a sink: none, and batches pass as they are; else each record is decoded and run, and the batch says
 * which records are kept and what became of their values.
 */
export function sinkConverter(settings: Settings, plan: Plan, part: Part, topic: AnyTopic): (batch: ConsumerBatch) => SinkBatch {
  const planned = part.stages[0]?.spec.steps
  if (planned === undefined) return (batch) => batch
  let values: unknown[] = []
  const counters = noCounts()
  const context: StageContext = {
    pipeline: plan.name,
    task: { topic: topic.name, partition: -1 },
    clock: settings.clock,
    watchdogMs: settings.watchdogMs,
    counters,
    calls: new CallSites(settings.clock, settings.random),
    failures: new Failures(failing(plan.name), undefined, counters, () => false),
  }
  const steps = new StepsStage(planned, (item) => void values.push((item as { value: unknown }).value), context)
  const decoder = new RecordDecoder(plan.name, topic.name, topic.key, topic.value)
  return (batch) => {
    const { columns, from, count, partition } = batch
    const selected: number[] = []
    values = []
    for (let i = from; i < from + count; i++) {
      const record = decoder.decode(columns, i, partition)
      steps.process(record, record)
      if (values.length > selected.length) selected.push(i)
    }
    return { ...batch, selected, values }
  }
}
