/**
 * Ends the fetchers of a member that was stopped. kafkajs stops the fetchers that exist at that time; if a broker was just added
 * or removed, it starts new ones afterwards, which ask the stopped runner in a loop that blocks the event loop.
 */

interface Runner {
  fetch: (this: Runner, nodeId: string) => Promise<ReadonlyArray<unknown>>
  readonly running: boolean
  readonly fetchManager: { readonly stop: () => Promise<void> }
}

export const endFetchers = (runner: { readonly prototype: Runner }) => {
  const { fetch } = runner.prototype
  runner.prototype.fetch = async function (nodeId) {
    // Not awaited: the fetcher that asks is one of those that end.
    if (!this.running) void this.fetchManager.stop()
    return fetch.call(this, nodeId)
  }
  return runner
}
