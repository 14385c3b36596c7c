/** A right in Kafka's ACLs: an operation on a resource. */
export interface Right {
  readonly resource: "topic" | "group" | "transactional id" | "cluster"
  readonly name: string
  /** `prefixed`: every name that begins with it. */
  readonly pattern: "literal" | "prefixed"
  readonly operation: "Read" | "Write" | "Describe"
}
