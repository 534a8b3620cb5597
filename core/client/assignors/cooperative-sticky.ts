import type { Assignor } from './assignor.ts'
import { ownershipClaims } from './claims.ts'
import { placeSticky } from './place-sticky.ts'
import { readCooperativeUserData, writeCooperativeUserData } from './user-data.ts'

/**
 * As sticky, for members that keep what they own while they join; what has to move is given to its next owner in a second round, when the one
 * before has given it up (`org.apache.kafka.clients.consumer.CooperativeStickyAssignor`, KIP-429).
 */
export const cooperativeSticky: Assignor = {
  name: 'cooperative-sticky',
  cooperative: true,
  assign(members, topics) {
    // Before version 2 of the subscription the generation stood in the user data.
    const dated = members.map((member) =>
      member.generation >= 0 ? member : { ...member, generation: readCooperativeUserData(member.userData) },
    )
    const claims = ownershipClaims(dated)
    return claims.holdBack(placeSticky(dated, topics, claims))
  },
  userData: (last) => writeCooperativeUserData(last?.generation ?? -1),
}
