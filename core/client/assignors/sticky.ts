import type { Assignor } from './assignor.ts'
import { Claims } from './claims.ts'
import { placeSticky } from './place-sticky.ts'
import { readStickyUserData, writeStickyUserData } from './user-data.ts'

/**
 * As many partitions for each member as for any other, as far as their topics allow it, and then as few as possible taken from those who had
 * them; for groups whose members give everything up before they join (`org.apache.kafka.clients.consumer.StickyAssignor`).
 */
export const sticky: Assignor = {
  name: 'sticky',
  assign(members, topics) {
    return placeSticky(
      members,
      topics,
      new Claims(members.map(({ memberId, userData }) => ({ memberId, ...readStickyUserData(userData) }))),
    )
  },
  userData: (last) => (last === undefined ? null : writeStickyUserData(last)),
}
