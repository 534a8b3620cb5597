import type { Difference } from './differential.ts'

/** A difference that is meant. The list only shrinks: whoever adds to it says why no client can mind. */
interface Explanation {
  readonly api: string
  readonly path: RegExp
  readonly why: string
  /** Narrows it to what was said. */
  readonly when?: (difference: Difference) => boolean
}

const explanations: readonly Explanation[] = [
  ...['CreateTopics', 'DescribeConfigs'].map((api) => ({
    api,
    path: /\.configs\[min\.insync\.replicas\]\.(configSource|synonyms)/,
    why: 'Kafka writes min.insync.replicas=1 as a setting of the cluster when it is formatted with eligible leader replicas (KIP-966); there are no replicas here',
    when: ({ ours }: Difference) => ours === 5 || (Array.isArray(ours) && ours.length < 3),
  })),
  {
    api: 'DescribeConfigs',
    path: /^results\[1\]\.configs\[log\.retention\.hours\]\.value$/,
    why: 'after a request that takes away what was never set at run time, Kafka shows the default in place of what the file of settings says',
    when: ({ ours, theirs }) => ours === '100' && theirs === '168',
  },
  {
    api: 'ListOffsets',
    path: /\.(offset|timestamp|leaderEpoch)$/,
    why: 'when DeleteRecords has taken away the record with the largest timestamp, Kafka still tells where it was; we tell that there is none',
    when: ({ ours, theirs }) => ours === -1 && typeof theirs === 'number' && theirs >= 0,
  },
  {
    api: 'Fetch',
    path: /\.records$/,
    why: 'we end with a whole batch, Kafka with the byte that was asked for: clients drop a batch that is cut off',
    when: ({ ours, theirs }) => typeof ours === 'string' && typeof theirs === 'string' && ours !== '' && theirs.startsWith(ours),
  },
  {
    api: 'Fetch',
    path: /\.abortedTransactions$/,
    why: 'with an error nobody reads aborted transactions: Kafka answers an empty list for some errors, we answer null',
    when: ({ ours }) => ours === null,
  },
  {
    api: 'Produce',
    path: /\.errorCode$/,
    why: 'a batch that is too large and damaged too: Kafka looks at the size first, we at the checksum',
    when: ({ ours, theirs }) => ours === 2 && theirs === 10,
  },
  {
    api: 'DescribeConfigs',
    path: /^results\[1\]\.configs\[max\.connections\]/,
    why: 'every queue has a bound here: 10,000 connections unless told otherwise, in Kafka as many as there may be',
    when: ({ ours, theirs }) => ours === '10000' && theirs === '2147483647',
  },
  {
    api: 'Produce',
    path: /\.logStartOffset$/,
    why: 'with an error we do not tell where the log begins: Kafka does so for some errors, and no client reads it then',
    when: ({ ours }) => ours === -1,
  },
]

/** Why a difference is meant; undefined when nobody has explained it. */
export function explained(difference: Difference): string | undefined {
  return explanations.find(({ api, path, when }) => api === difference.api && path.test(difference.path) && (when?.(difference) ?? true))
    ?.why
}
