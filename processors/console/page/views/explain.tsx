/** What would happen to an event at each connection, and why; nothing is sent. */
import { useState } from "preact/hooks"
import type { ConnectionExplanation, ExplainedField, ExplainRequest, Explanation } from "../../api.ts"
import { Empty, Problem, State } from "../parts/basics.tsx"
import { CopyButton, Json } from "../parts/json.tsx"
import { act, RequestFailed } from "../state/api.ts"
import { param, setParams } from "../state/location.ts"

const example = `{
  "event_id": "o-1001",
  "event_name": "purchase",
  "event_time": ${Math.floor(performance.timeOrigin / 1_000) * 1_000},
  "action_source": "website",
  "event_source_url": "https://shop.example/thanks",
  "user": { "email": "jane.doe@example.com", "country": "US" },
  "consent": { "ad_user_data": "granted" },
  "properties": { "value": 129.95, "currency": "USD", "order_id": "o-1001" }
}`

/** Kept while the page lives; never in the address or in storage, since it may hold personal data. */
let typed = ""

export const Explain = () => {
  const [text, setText] = useState(typed)
  const [state, setState] = useState<{ busy: boolean; found: Explanation | null; error: RequestFailed | null }>({
    busy: false,
    found: null,
    error: null
  })
  const explain = async (event: SubmitEvent) => {
    event.preventDefault()
    setState((before) => ({ ...before, busy: true }))
    try {
      const found = await act<Explanation>("POST", "/api/explain", requestOf(text))
      setState({ busy: false, found, error: null })
    } catch (error) {
      if (error instanceof RequestFailed) setState({ busy: false, found: null, error })
    }
  }
  const write = (value: string) => {
    typed = value
    setText(value)
  }
  return (
    <div class="explain">
      <form class="panel" onSubmit={explain}>
        <div class="panel-head">
          <h2>
            <label for="explained">Raw event as JSON, or an event id</label>
          </h2>
          <div class="controls">
            <button type="button" class="button" onClick={() => write(example)}>
              Example
            </button>
          </div>
        </div>
        <div class="panel-body stack">
          <textarea
            id="explained"
            class="field"
            rows={18}
            value={text}
            spellcheck={false}
            placeholder="Paste a raw event"
            onInput={({ currentTarget }) => write(currentTarget.value)}
          />
          <div class="form-end">
            <span class="muted small">
              It stays in this browser and the console's server, and is not sent to any platform.
            </span>
            <button type="submit" class="button primary" disabled={state.busy || text.trim() === ""}>
              {state.busy ? "Explaining…" : "Explain"}
            </button>
          </div>
        </div>
      </form>
      <section class="explained" aria-live="polite">
        {state.error !== null ? (
          <div class="panel">
            <Problem title={state.error.message} message={state.error.nextStep} />
          </div>
        ) : state.found === null ? (
          <div class="panel">
            <Empty title="Nothing explained yet">
              <span>The checks of each connection show here in their order, with the payload that would be sent.</span>
            </Empty>
          </div>
        ) : (
          <Explained found={state.found} />
        )}
      </section>
    </div>
  )
}

/** A text that begins as JSON is an event; else it is an id. */
const requestOf = (text: string): ExplainRequest =>
  /^\s*[[{]/.test(text) ? { event: text } : { event_id: text.trim() }

const Explained = ({ found: { event_id, event_name, refused, fields, connections } }: { found: Explanation }) => {
  const chosen = connections.find(({ connection_id }) => connection_id === param("connection")) ?? connections[0]
  return (
    <>
      <div class="panel">
        <div class="panel-head">
          <h2 class="mono cut">{event_id ?? "no event id"}</h2>
          <span class="muted">{event_name}</span>
        </div>
        <div class="panel-body stack">
          {refused === null ? (
            <State tone="good">The normalizer takes it</State>
          ) : (
            <>
              <State tone="bad">
                The normalizer refuses it: <span class="mono">{refused.reason}</span>
              </State>
              <p>
                {refused.message} {refused.next_step}
              </p>
            </>
          )}
          <Fields fields={fields} />
        </div>
      </div>
      {chosen === undefined ? null : (
        <div class="panel">
          <div class="panel-head tabs">
            {connections.map((one) => (
              <button
                key={one.connection_id}
                type="button"
                class="tab"
                aria-pressed={one === chosen}
                onClick={() => setParams({ connection: one.connection_id })}
              >
                <State tone={toneOf(one)}>{one.connection_id}</State>
              </button>
            ))}
          </div>
          <OneConnection one={chosen} />
        </div>
      )}
    </>
  )
}

const toneOf = ({ outcome }: ConnectionExplanation) =>
  outcome === "payload" ? "good" : outcome === "skipped" ? "neutral" : "bad"

const outcomeWords = { payload: "Would be sent", skipped: "Would be skipped", rejected: "Would be rejected" } as const

const OneConnection = ({ one }: { one: ConnectionExplanation }) => (
  <div class="panel-body stack">
    <p>
      <strong>{outcomeWords[one.outcome]}</strong>
      {one.platform_event === null ? "" : ` as ${one.platform_event}`}
      {one.reason === null ? null : <span class="mono muted"> {one.reason}</span>}
      {one.match_quality === null ? "" : `, match quality ${one.match_quality.toFixed(1)} of 10`}
    </p>
    {one.message === null ? null : <p class="break">{one.message}</p>}
    <ol class="decisions">
      {one.decisions.map(({ check, passed, message }) => (
        <li key={check}>
          <State tone={passed ? "good" : "bad"}>{check}</State>
          <span class="muted break">{message}</span>
        </li>
      ))}
    </ol>
    <Fields fields={one.fields} />
    {one.payload === null ? null : (
      <section>
        <div class="side-head">
          <h3>Payload, personal data masked</h3>
          <CopyButton text={JSON.stringify(one.payload, null, 2)} label="Copy the payload" />
        </div>
        <Json value={one.payload} label="Payload" />
      </section>
    )}
  </div>
)

const Fields = ({ fields }: { fields: ReadonlyArray<ExplainedField> }) =>
  fields.length === 0 ? null : (
    <details>
      <summary>{fields.length} fields</summary>
      <ul class="fields">
        {fields.map(({ field, treatment, reason }) => (
          <li key={`${field} ${treatment}`}>
            <span class="mono break">{field}</span>
            <span class={treatment === "left_out" ? "warn" : "muted"}>{treatment.replace("_", " ")}</span>
            <span class="muted break">{reason}</span>
          </li>
        ))}
      </ul>
    </details>
  )
