/** Where the server wants a token. It is exchanged for a cookie that scripts cannot read; the page keeps nothing. */
import { useState } from "preact/hooks"
import { signIn } from "../state/session.ts"

export const SignIn = () => {
  const [problem, setProblem] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    const token = new FormData(event.target as HTMLFormElement).get("token")
    setBusy(true)
    setProblem(await signIn(typeof token === "string" ? token.trim() : ""))
    setBusy(false)
  }
  return (
    <main class="sign-in">
      <form class="panel" onSubmit={submit}>
        <div class="panel-body stack">
          <h1>capi-relay console</h1>
          <p class="muted">
            This console is open to other machines, so it needs its token: the value of <code>CAPI_CONSOLE_TOKEN</code>.
          </p>
          <label class="stack">
            Token
            <input class="field" type="password" name="token" autocomplete="current-password" required />
          </label>
          {problem === null ? null : (
            <p class="bad" role="alert">
              {problem}
            </p>
          )}
          <button type="submit" class="button primary" disabled={busy}>
            Sign in
          </button>
        </div>
      </form>
    </main>
  )
}
