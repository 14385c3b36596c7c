/** What is before the connections, as an equation, and whether the ledger balances. */
import type { LedgerState, Overview } from "../../api.ts"
import { formatChange, formatCount, formatShare } from "../format.ts"
import { Bar, State, Time } from "../parts/basics.tsx"
import { hrefOf } from "../state/route.ts"

export const IntakePanel = ({ overview: { intake, ledger } }: { overview: Overview }) => {
  const { received, previous_received, normalized, dead_lettered, erased, waiting } = intake
  const parts = [
    { name: "normalized", words: "normalized", count: normalized },
    { name: "dead_lettered", words: "dead-lettered", count: dead_lettered },
    { name: "erased", words: "erased", count: erased },
    { name: "in_flight", words: "waiting", count: waiting }
  ]
  return (
    <section class="panel intake" aria-label="Raw events">
      <div class="equation">
        <div class="term">
          <span class="term-count figure">{formatCount(received)}</span>
          <span class="muted small">
            raw events{" "}
            <span class="figure">
              {(previous_received ?? 0) === 0 ? "" : formatChange(received, previous_received ?? 0)}
            </span>
          </span>
        </div>
        {parts.map(({ name, words, count }, index) => (
          <div class="term" key={name}>
            <span class="sign" aria-hidden="true">
              {index === 0 ? "=" : "+"}
            </span>
            {name === "dead_lettered" && count > 0 ? (
              <a class="term-count figure" href={hrefOf("dead-letters", { stage: "normalizer" })}>
                {formatCount(count)}
              </a>
            ) : (
              <span class="term-count figure">{formatCount(count)}</span>
            )}
            <span class="muted small">
              {words} <span class="figure">{count === 0 ? "" : formatShare(count, received)}</span>
            </span>
          </div>
        ))}
        <Balance ledger={ledger} />
      </div>
      <Bar parts={parts} />
    </section>
  )
}

const Balance = ({ ledger: { state, since, message } }: { ledger: LedgerState }) => (
  <div class="balance">
    {state === "balanced" ? (
      <State tone="good">Balanced: every event is accounted for</State>
    ) : state === "unbalanced" ? (
      <State tone="bad">Not balanced</State>
    ) : (
      <State tone="neutral">The ledger is not checked</State>
    )}
    <span class="muted small">
      {message ??
        (state === "balanced"
          ? "Checked each minute from the topics"
          : "The health program checks it each minute. Does it run?")}
      {since === null ? (
        ""
      ) : (
        <>
          , since <Time at={since} />
        </>
      )}
    </span>
  </div>
)
