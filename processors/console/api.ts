/**
 * The console's HTTP API, as the server answers it and the page reads it. Types and names alone: nothing here runs, so both
 * sides import it.
 *
 * | method | path | query or body | answer |
 * |---|---|---|---|
 * | GET | `/api/session` | | `Session`; the one route that needs no token |
 * | POST | `/api/session` | `SignIn` | `Session`, and the cookie; 401 where the token is wrong |
 * | DELETE | `/api/session` | | `Session`, and the cookie ends |
 * | GET | `/api/overview` | `period` | `Overview` |
 * | GET | `/api/samples` | `connection`, `step`, `reason` | `Samples` |
 * | GET | `/api/connections` | | `Connections` |
 * | GET | `/api/history` | `connection`, `since` | `History` |
 * | GET | `/api/live` | `LiveFilter` | server-sent events, see `LiveEvents` |
 * | GET | `/api/events` | `q` | `EventSearch` |
 * | POST | `/api/explain` | `ExplainRequest` | `Explanation` |
 * | GET | `/api/dead-letters` | | `DeadLetterGroups` |
 * | GET | `/api/dead-letters/samples` | `stage`, `reason`, `connection` | `DeadLetterSamples` |
 * | GET | `/api/redrives` | | `Redrives` |
 * | POST | `/api/redrives/plan` | `RedriveSelection` | `RedrivePlan` |
 * | POST | `/api/redrives/confirm` | `RedriveConfirmation` | `Redrive`; goes on in the server |
 * | POST | `/api/redrives/cancel` | `RedriveCancellation` | `Redrive` |
 * | GET | `/api/alerts` | `since` | `Alerts` |
 * | GET | `/api/replays` | | `Replays` |
 *
 * Every time is in milliseconds since the epoch (`number`), every duration ends in `_ms`, every share is from 0 to 1. A field that
 * is not known is null, never absent. Texts are for people, in English, without personal data, and plain text: never HTML.
 * `connection` in a query takes an id. What has more rows than its bound says so in `more`.
 *
 * Errors have a status from 400 on and an `ApiError` as their body. 401: sign in. 403: the request is not the page's (see below).
 * 404, 405: no such route. 409: in this state it cannot be done. 413: too large. 429: too many. 503: Kafka or the registry does not
 * answer, or the page is still reading.
 *
 * **Token.** Where the server listens on loopback without `CAPI_CONSOLE_TOKEN`, `token_required` is false and nothing else is
 * needed. Elsewhere every route but `GET` and `POST /api/session` needs the session cookie (`HttpOnly`, `SameSite=Strict`; the page
 * never sees it) or `Authorization: Bearer <token>`. The page itself and its files need none: they hold no data.
 *
 * **Requests that act** (POST, DELETE) need the header `X-Capi-Console: 1`, `Content-Type: application/json` where there is a body,
 * and an `Origin` that is the server's, which browsers send by themselves. Bodies have at most `bodyBytesMax` bytes.
 *
 * **The page.** `GET /` is `index.html` of the folder that Vite builds (`dist/console` of the checkout); `/assets/*` are its other files, if it has any. Its content
 * security policy is `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self';
 * base-uri 'none'; form-action 'none'; frame-ancestors 'none'`; an inline `<script>` or `<style>` of `index.html` is allowed by its
 * SHA-256, which the server computes when it reads the file. `style` attributes in HTML are not allowed; styles that scripts set on
 * elements (`element.style.width = …`) are. A path without a dot that is no route gives `index.html` too, so links may be paths
 * (`/connections/meta-shop`) or hashes.
 */
export * from "./api/alerts.ts"
export * from "./api/connections.ts"
export * from "./api/events.ts"
export * from "./api/live.ts"
export * from "./api/overview.ts"
export * from "./api/redrives.ts"
export * from "./api/results.ts"
export * from "./api/session.ts"
