/** The patterns by which routes and silences name connections. Pure. */

interface Matching {
  readonly match: { readonly connections: ReadonlyArray<string> }
}

/** Whether a connection's id is the pattern, or begins with what stands before its `*`. */
export const fitsPattern = (pattern: string, id: string): boolean =>
  pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern

/**
 * The patterns that fit none of the connections, most likely misspelt, and where they stand. Alerts of all connections together
 * (`all`) and of receivers (`notifier-<id>`) have no connection.
 */
export const unmatchedPatterns = (
  { routes, silences }: { readonly routes: ReadonlyArray<Matching>; readonly silences: ReadonlyArray<Matching> },
  connectionIds: ReadonlyArray<string>
): ReadonlyArray<{ readonly path: ReadonlyArray<string | number>; readonly pattern: string }> => {
  const ids = [...connectionIds, "all"]
  return Object.entries({ routes, silences }).flatMap(([key, entries]) =>
    entries.flatMap(({ match }, index) =>
      match.connections.flatMap((pattern, position) =>
        ids.some((id) => fitsPattern(pattern, id)) || pattern.startsWith("notifier-")
          ? []
          : [{ path: [key, index, "connections", position], pattern }]
      )
    )
  )
}
