import { internalTopic } from '../names.ts'
import type { Settings } from '../options.ts'
import type { Plan } from '../plan.ts'
import { ErrorPolicy } from './policy.ts'

/** What a pipeline says about errors comes before what the run says. */
export function policyOf(settings: Settings, { name, errors }: Plan): ErrorPolicy {
  return new ErrorPolicy({
    pipeline: name,
    application: settings.applicationId,
    onError: errors.onError ?? settings.onError,
    handlers: errors.handlers,
    deadLetters: errors.deadLetters ?? settings.deadLetters ?? internalTopic(settings, `${name}-dead-letters`),
    poisonMax: settings.poisonMax,
    codeVersion: settings.codeVersion,
  })
}
