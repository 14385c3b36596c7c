/**
 * Ends the fetching of a member that was stopped. kafkajs stops the fetchers that it has at the moment; when a broker came or
 * went just then, it makes new ones afterwards, which ask a runner that stands still again and again, without ever letting
 * anything else in the process run.
 */
import { repairClass } from "./patch-prototype.ts"

/** Changes the class of kafkajs's runners. */
export const repairStop = (): void => repairClass("consumer/runner", endFetchers)

const endFetchers = (prototype: PatchedRunner): void => {
  const { fetch } = prototype
  prototype.fetch = async function (nodeId) {
    // Not waited for: the fetcher that asks is one of those that end.
    if (!this.running) void this.fetchManager.stop()
    return fetch.call(this, nodeId)
  }
}

interface PatchedRunner {
  fetch: (this: PatchedRunner, nodeId: string) => Promise<ReadonlyArray<unknown>>
  readonly running: boolean
  readonly fetchManager: { readonly stop: () => Promise<void> }
}
