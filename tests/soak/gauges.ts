/** Values in Prometheus' text format. Pure. */

export const gaugesIn = (text: string) => {
  const lines = text.split("\n").flatMap((line) => {
    const found = /^(\w+)(\{.*\})? (\S+)$/.exec(line)
    return found === null ? [] : [{ name: found[1]!, labels: found[2] ?? "", value: Number(found[3]) }]
  })
  const of = (name: string) => lines.filter((line) => line.name === name)
  return {
    /** How many series there are. */
    count: lines.length,
    /** Over all labels; 0 where it is absent. */
    sum: (name: string): number => of(name).reduce((total, { value }) => total + value, 0),
    /** Values of a label, of those series whose value is such. */
    labelsWhere: (name: string, label: string, matches: (value: number) => boolean): ReadonlyArray<string> =>
      of(name).flatMap(({ labels, value }) =>
        matches(value) ? (new RegExp(`\\b${label}="([^"]*)"`).exec(labels)?.[1] ?? []) : []
      )
  }
}
