/**
 * How much of what a producer compressed is in memory at a time (decision 87). A megabyte of a batch may hold gigabytes of records, which the
 * broker checks as a stream and accepts.
 */
const mebibyte = 1_048_576

/** Bytes of a batch's records that are decompressed at once; a batch with more is read in portions of so many at most. */
export const portionBytesMax = 16 * mebibyte

/**
 * What the portions of all partitions may have together, as long as each has at least the second number: a portion stays in memory until its records
 * are processed, and every partition may have one.
 */
export const [portionsBytesMax, portionBytesMin] = [64 * mebibyte, 4 * mebibyte]

/**
 * Bytes of a record of such a batch that is kept. As many as `raw-events` takes uncompressed, so that its sealed form and its dead letter have
 * room on their topics.
 */
export const recordBytesMax = portionBytesMax

/** Records of a response that are read at once, since each is an object. */
export const recordsMax = 65_536

/** Bytes of compressed batches of a response after which no further one is decompressed: it is fetched again. */
export const responseBytesMax = 32 * mebibyte

/** Bytes of a batch's records that are looked at. Each portion is read from the batch's beginning. */
export const batchBytesMax = 512 * mebibyte

/** Bytes of a record's key that are kept where the record is not. */
export const keyBytesKept = 1_024
