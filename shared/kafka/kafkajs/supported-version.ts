/** The version of kafkajs that the patches are written for (decision 10). */
export const patchedVersion = "2.2.4"

/** Another version of kafkajs is installed than the one that the patches are written for. */
export class UnsupportedKafkaJs extends Error {
  override readonly name = "UnsupportedKafkaJs"
  readonly expected = patchedVersion
  readonly found: string
  readonly nextStep =
    "Run npm ci, which installs the expected version; to move to another one, check each patch in shared/kafka/kafkajs/patches/table.ts."

  constructor(found: string) {
    super(`kafkajs ${found} is installed, but its patches are for ${patchedVersion} alone.`)
    this.found = found
    this.message += ` ${this.nextStep}`
  }
}
