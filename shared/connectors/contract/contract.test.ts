import { it } from "@effect/vitest"
import { contextOf, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import { connectors } from "../registry.ts"
import { type DocumentedAnswers, describeConnector } from "./connector-contract.ts"
import { assertBounded, hostileTexts, withTexts } from "./contract-checks.ts"

for (const connector of Object.values(connectors)) {
  const { kind, credential } = connector
  const { answers }: { readonly answers: DocumentedAnswers } = await import(`../${kind}/fixture.ts`)
  const fields = [...credential.required, ...credential.optional, "access_token"]
  describeConnector({
    connector,
    context: contextOf(kind, fields),
    secretValues: [...new Set(fields)].map(secretValue),
    events: (count) =>
      Array.from({ length: count }, (_, index) =>
        mappedEvent(index, { sealed_recipient: answers.sealedRecipient ?? null })
      ),
    payloadInBody: ({ payload }) => answers.payloadInBody?.(payload) ?? payload,
    answers
  })

  it(`${kind} takes no id, and no warning, that is too long or holds what a terminal obeys`, () => {
    const count = connector.limits.documented.eventsPerRequest === 1 ? 1 : 3
    const documented = [answers.accepted(count), answers.unauthorized, answers.throttled, answers.errorInside200]
    for (const response of documented) {
      for (const text of hostileTexts) {
        const events = Array.from({ length: count }, (_, index) => mappedEvent(index))
        assertBounded(connector.verdict(withTexts(response, text), events), count)
      }
    }
  })
}
