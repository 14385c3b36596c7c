/** Waiting for a condition, never for a time. */

/**
 * Asks again every 50 ms until the condition holds, and gives what it answered. At the deadline it fails with what was
 * waited for. A condition that throws is asked again too: a topic may not be there yet.
 */
export const waitUntil = async <A>(
  what: string,
  condition: () => A | null | undefined | false | Promise<A | null | undefined | false>,
  deadlineMillis = 60_000
): Promise<A> => {
  const end = performance.now() + deadlineMillis
  let last: unknown = null
  while (performance.now() < end) {
    try {
      const answer = await condition()
      if (answer !== null && answer !== undefined && answer !== false) return answer
      last = answer
    } catch (cause) {
      last = cause
    }
    await new Promise((resume) => setTimeout(resume, 50))
  }
  throw new Error(`Waited ${deadlineMillis} ms in vain: ${what}. Last answer: ${String(last)}`)
}
