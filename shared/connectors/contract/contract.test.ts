import { contextOf, mappedEvent, secretValue } from "../../testing/connector-fixture.ts"
import { connectors } from "../registry.ts"
import { type DocumentedAnswers, describeConnector } from "./connector-contract.ts"

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
}
