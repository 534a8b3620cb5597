/** Kafka's own limit, in compact form too. */
export const STRING_MAX = 0x7fff
/** The message of an error. */
export const NULL_FIELD = 'null in a field that cannot be null in this version'
