/** What a health run must show, checked from its evidence. Pure. */
import { agreeMillisMax, type Story } from "./story.ts"

/** The alerts of the run, in order: each once, and each ended once. */
const expectedAlerts = [
  "healthy → degraded latency",
  "degraded → healthy recovered",
  "healthy → unhealthy circuit",
  "unhealthy → healthy recovered",
  "healthy → unhealthy auth",
  "unhealthy → healthy recovered"
]
const expectedAgeAlerts = ["healthy → unhealthy age_limit 90", "unhealthy → healthy age_limit null"]

const expectedNotified = [
  "began latency warning",
  "ended latency null",
  "began circuit critical",
  "began age_limit critical",
  "ended circuit null",
  "ended age_limit null",
  "began auth critical",
  "ended auth null"
]

/** One line for each promise that was broken. */
export const findings = (story: Story): ReadonlyArray<string> => [
  ...late(story),
  ...different("alerts", statusAlerts(story), expectedAlerts),
  ...different("alerts of the age limit", ageAlerts(story), expectedAgeAlerts),
  ...different("notifications", [...story.notified].sort(), [...expectedNotified].sort()),
  ...wrongHistory(story),
  ...wrongIssues(story),
  ...(Object.keys(story.figures.page).length === 9 ? [] : ["The page has no figures of the connection."]),
  ...different(
    "figures of the page",
    Object.entries(story.figures.page).map(String),
    Object.entries(story.figures.ledger).map(String)
  ),
  ...(story.lastStatus.status === "healthy" ? [] : [`At the end it is ${story.lastStatus.status}.`])
]

const late = ({ changes }: Story) =>
  changes.flatMap(({ what, surfaces }) =>
    Object.entries(surfaces)
      .filter(([, millis]) => millis > agreeMillisMax)
      .map(([name, millis]) => `${what}: ${name} says so only after ${millis} ms.`)
  )

const statusAlerts = ({ alerts }: Story) =>
  alerts
    .filter(({ cause }) => cause !== "age_limit")
    .map(({ previous_status, status, cause }) => `${previous_status} → ${status} ${cause}`)

const ageAlerts = ({ alerts }: Story) =>
  alerts
    .filter(({ cause }) => cause === "age_limit")
    .map((alert) => `${alert.previous_status} → ${alert.status} ${alert.cause} ${alert.threshold_percent}`)

const different = (what: string, found: ReadonlyArray<string>, wanted: ReadonlyArray<string>) =>
  JSON.stringify(found) === JSON.stringify(wanted)
    ? []
    : [`The ${what} are ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}.`]

/** Each minute of the history holds the results of its time, and no minute is there twice. */
const wrongHistory = ({ history, results }: Story) => {
  const counts = new Map<number, { succeeded: number; invalid: number }>()
  for (const { timestamp, success, error_class } of results) {
    const minute = Math.floor(timestamp / 60_000) * 60_000
    const count = counts.get(minute) ?? { succeeded: 0, invalid: 0 }
    if (success) count.succeeded++
    else if (error_class === "invalid_event") count.invalid++
    counts.set(minute, count)
  }
  const wrong = [...counts].flatMap(([minute, { succeeded, invalid }]) => {
    const points = history.filter((point) => point.minute === minute)
    const [point] = points
    return points.length === 1 && point!.succeeded === succeeded && point!.invalid === invalid
      ? []
      : [
          `Minute ${new Date(minute).toISOString()} of the history has ${JSON.stringify(points)}, not ${succeeded} and ${invalid}.`
        ]
  })
  return [...wrong, ...(history.some(({ status }) => status === "unhealthy") ? [] : ["No minute is unhealthy."])]
}

/** The issues of the outage and of the token name what waits, until when, and the next step. */
const wrongIssues = ({ issues }: Story) =>
  [
    /^circuit is (OPEN|HALF_OPEN), .* since \d\d:\d\d UTC; 21 events wait, the oldest expires in 11 h \d+ min; /,
    /^the oldest waiting event has used 93 % of the platform's age limit; /,
    /^access token refused since \d\d:\d\d UTC .*set the environment variable META_TOKEN to a new one and restart delivery-meta$/
  ].flatMap((wanted) =>
    issues.some((issue) => wanted.test(issue)) ? [] : [`No issue matches ${wanted}: ${JSON.stringify(issues)}`]
  )
