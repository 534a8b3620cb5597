import { encodeBuffer } from '../../core/protocol/codec.ts'
import { errorCode } from '../../core/protocol/errors.ts'
import { encodeRequest } from '../../core/protocol/header.ts'
import type { Fetch, FetchResponse } from '../../core/protocol/messages/fetch.ts'
import { Heartbeat } from '../../core/protocol/messages/heartbeat.ts'
import type { ProduceRequest } from '../../core/protocol/messages/produce.ts'
import { array, int32, int64Exact, message, string, struct } from '../../core/protocol/schema.ts'
import type { Infer, Input } from '../../core/protocol/schema.ts'

/** Never run: `tsc` checks that the types inferred from schemas are the ones we promise. */

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const yes = <_ extends true>(): void => {}

const Sample = message('Sample', '0-9', '5+', {
  plain: string(),
  always: string('0+', { nullable: '3+' }),
  later: int32('2+'),
  fixed: int32({ default: -1 }),
  exact: int64Exact('6+', { tag: 0 }),
  list: array({ name: string(), ids: array(int32()) }, { nullable: true }),
  part: struct({ x: int32() }, '7+', { nullable: true, default: null }),
})

// What decoding gives has every field.
yes<
  Same<
    Infer<typeof Sample>,
    {
      plain: string
      always: string | null
      later: number
      fixed: number
      exact: bigint
      list: { name: string; ids: number[] }[] | null
      part: { x: number } | null
    }
  >
>()

// What encoding takes may leave out fields with a default, tagged ones, and those that are not in every version.
export const least: Input<typeof Sample> = { plain: '', always: null, list: [{ name: '', ids: [] }] }
export const frozen: Input<typeof Sample> = { plain: '', always: null, list: Object.freeze([]), later: undefined }

// @ts-expect-error plain is missing
export const lacking: Input<typeof Sample> = { always: null, list: [] }
// @ts-expect-error plain cannot be null
export const wrongNull: Input<typeof Sample> = { plain: null, always: null, list: [] }
// @ts-expect-error there is no field of this name
export const unknownField: Input<typeof Sample> = { plain: '', always: null, list: [], surplus: 1 }
// @ts-expect-error exact is a bigint
export const wrongNumber: Input<typeof Sample> = { plain: '', always: null, list: [], exact: 1 }

// What was decoded can be encoded.
export const again = (decoded: Infer<typeof Sample>): Buffer => encodeBuffer(Sample, 9, decoded)

// Records are read as one buffer and written from one or several.
type Partition = ProduceRequest['topicData'][number]['partitionData'][number]
yes<Same<Partition, { index: number; records: Buffer | null }>>()
export const sliced: Input<typeof ProduceRequest> = {
  acks: -1,
  timeoutMs: 0,
  transactionalId: null,
  topicData: [{ name: 't', partitionData: [{ index: 0, records: [Buffer.alloc(0)] }] }],
}

// A call knows both of its halves.
yes<Same<Infer<typeof Fetch.response>, FetchResponse>>()
encodeRequest(Heartbeat, 4, 1, null, { groupId: 'g', generationId: 1, memberId: 'm' })
// @ts-expect-error memberId is missing
encodeRequest(Heartbeat, 4, 1, null, { groupId: 'g', generationId: 1 })

errorCode('NOT_LEADER_OR_FOLLOWER')
// @ts-expect-error there is no such error
errorCode('NOT_LEADER')

// @ts-expect-error a range of versions has a form
message('Wrong', 'all', 'none', {})
// @ts-expect-error the default of a number is a number
int32({ default: '1' })
