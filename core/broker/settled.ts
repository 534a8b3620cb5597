import type { BrokerServices } from './services.ts'

/** Resolves when nothing that was asked for is being changed or written any more: whoever asked may be gone. */
export async function settled({ alterations, topics, security, groupConfigs }: BrokerServices): Promise<void> {
  await alterations.idle()
  await Promise.all([topics.settled(), security.settled(), groupConfigs.settled()])
}
