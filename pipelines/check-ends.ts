import type { Sink } from '../connectors/types.ts'
import { invalid } from './failure.ts'
import { type End, isSink, isTopic } from './nodes.ts'
import type { PartInput, PlannedStage } from './plan.ts'

/** @throws PIPELINE_INVALID when an end does not fit what leads to it */
export function checkEnds(pipeline: string, inputs: readonly PartInput[], stages: readonly PlannedStage[], ends: readonly End[]): void {
  for (const { output } of ends) {
    if (isSink(output)) checkSink(pipeline, inputs, stages, ends, output)
    else if (isTopic(output) && inputs.some((input) => input.kind === 'topic' && input.topic.name === output.name)) {
      throw invalid(pipeline, `it reads and writes the topic '${output.name}', so it would never end; write to another topic`)
    }
  }
}

/** A sink with its own position needs to know, for each record, which offset it has: one to one, nothing that waits, no state. */
function checkSink(
  pipeline: string,
  inputs: readonly PartInput[],
  stages: readonly PlannedStage[],
  ends: readonly End[],
  sink: Sink,
): void {
  if (ends.length > 1) {
    throw invalid(pipeline, `the sink '${sink.name}' keeps its own position, so it ends a pipeline by itself: give it one of its own`)
  }
  const unfit = stages.find(({ spec }) => spec.steps?.every((step) => step.kind !== 'flatMap') !== true)
  if (inputs.every((input) => input.kind === 'topic') && unfit === undefined && stages.length <= 1) return
  throw invalid(
    pipeline,
    `the sink '${sink.name}' takes the records of a topic, with at most filter, map, mapValues and tap in between` +
      `${unfit === undefined ? '' : `, not ${unfit.spec.label}`}; write to a topic and archive that topic in a second pipeline`,
  )
}
