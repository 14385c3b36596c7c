/** Which receivers a problem goes to, how it is grouped there, and whether it is silenced. Pure. */
import { fitsPattern } from "./connection-patterns.ts"
import type { Matcher, Notifications, Route } from "./notifications-file.ts"
import { notifierConnection, type Problem } from "./problem.ts"

export interface Routing {
  /** The route by which a receiver gets the problem as it is now; null where it does not. */
  readonly routeOf: (receiverId: string, problem: Problem) => Route | null
  /** The route by which a receiver gets what is over, or of another severity than its routes ask for. */
  readonly endRouteOf: (receiverId: string, problem: Problem) => Route | null
  /** `now` in milliseconds since the epoch. */
  readonly isSilenced: (problem: Problem, now: number) => boolean
}

export const makeRouting = ({ routes, silences }: Notifications): Routing => ({
  // A receiver's first route that matches decides.
  routeOf: (receiverId, problem) =>
    problem.severity === null || problem.connectionId === notifierConnection(receiverId)
      ? null
      : (routes.find(({ receivers, match }) => receivers.includes(receiverId) && matches(match, problem)) ?? null),
  endRouteOf: (receiverId, problem) => {
    const own = routes.filter(({ receivers }) => receivers.includes(receiverId))
    return own.find(({ match }) => matches({ ...match, severities: [] }, problem)) ?? own[0] ?? null
  },
  isSilenced: (problem, now) =>
    silences.some(({ match, from, until }) => from <= now && now < until && matches(match, problem))
})

/** The name of the group in which a problem is sent. */
export const groupOf = ({ groupBy }: Route, { connectionId, platform }: Problem): string =>
  groupBy === "connection" ? `connection ${connectionId}` : groupBy === "platform" ? `platform ${platform}` : "all"

const matches = ({ connections, severities, series }: Matcher, problem: Problem): boolean =>
  (connections.length === 0 || connections.some((pattern) => fitsPattern(pattern, problem.connectionId))) &&
  (severities.length === 0 || (problem.severity !== null && severities.includes(problem.severity))) &&
  (series.length === 0 || series.includes(problem.series))
