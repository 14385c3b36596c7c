/** Whether the server lets this browser read, and what it says of itself. */
import { signal } from "@preact/signals"
import type { Session } from "../../api.ts"
import { act, getJson, onSignedOut, RequestFailed } from "./api.ts"

/** Null until the server has answered. */
export const session = signal<Session | null>(null)
export const sessionProblem = signal<RequestFailed | null>(null)

export const loadSession = async (): Promise<void> => {
  try {
    session.value = await getJson<Session>("/api/session")
    sessionProblem.value = null
  } catch (error) {
    if (error instanceof RequestFailed) sessionProblem.value = error
    setTimeout(loadSession, 3_000)
  }
}

/** Null where it worked, else what went wrong. */
export const signIn = async (token: string): Promise<string | null> => {
  try {
    session.value = await act<Session>("POST", "/api/session", { token })
    return null
  } catch (error) {
    return error instanceof RequestFailed ? `${error.message} ${error.nextStep}` : String(error)
  }
}

export const signOut = async (): Promise<void> => {
  session.value = await act<Session>("DELETE", "/api/session")
}

onSignedOut.call = () => {
  const known = session.value
  if (known?.signed_in === true) session.value = { ...known, signed_in: false, connections: [] }
}
