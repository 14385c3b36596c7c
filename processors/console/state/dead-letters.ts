/** Dead letters by stage, reason and connection, with what became of them, in bounded memory. */
import type { DeadLetter } from "../../../schemas/types.gen.ts"
import { deadLetterHeaders, resolvedName } from "../../../shared/model/dead-letter.ts"
import { redact } from "../../../shared/telemetry/redaction.ts"
import type { DeadLetterGroup, DeadLetterRow } from "../api.ts"
import { MinuteSeries } from "../counts/minute-series.ts"
import { getOrMake } from "../counts/outcome-table.ts"
import { meaningOf } from "./reasons.ts"
import { hidden } from "./result-row.ts"

/** Dead letters whose marks are looked for; of older ones the count alone is held. */
const openMax = 200_000
const groupsMax = 2_000
const samplesMax = 10

interface Group {
  readonly stage: string
  readonly reason: string
  readonly connectionId: string | null
  readonly platform: string | null
  count: number
  redriven: number
  resolved: number
  firstAt: number
  lastAt: number
  nextStep: string | null
  /** The newest, without their originals. */
  readonly samples: Array<DeadLetterRow>
  /** By when their records arrived. */
  readonly arrived: MinuteSeries
}

interface Open {
  readonly group: Group
  readonly request: string | null
  state: "open" | "redriven" | "resolved"
  resolved: string | null
}

export class DeadLetters {
  private readonly groups = new Map<string, Group>()
  private readonly open = new Map<string, Open>()
  private readonly byRequest = new Map<string, Array<string>>()
  total = 0

  /** A dead letter at `partition:offset`. */
  add(id: string, deadLetter: DeadLetter): void {
    this.total++
    const { connection_id, request_id } = deadLetter
    const group = this.groupOf(deadLetter)
    group.count++
    group.firstAt = Math.min(group.firstAt, deadLetter.timestamp)
    if (deadLetter.timestamp >= group.lastAt) {
      group.lastAt = deadLetter.timestamp
      group.nextStep = hidden(deadLetter.next_step)
    }
    group.arrived.add(deadLetter.source_timestamp ?? deadLetter.timestamp, 1)
    group.samples.unshift(rowOf(id, deadLetter))
    if (group.samples.length > samplesMax) group.samples.pop()
    const request = connection_id === null || request_id === null ? null : resolvedName(connection_id, request_id)
    this.open.set(id, { group, request, state: "open", resolved: null })
    if (request !== null) getOrMake(this.byRequest, request, () => []).push(id)
    for (const [oldest, { request }] of this.open) {
      if (this.open.size <= openMax) break
      this.open.delete(oldest)
      if (request !== null) this.byRequest.delete(request)
    }
  }

  /** A mark: a record without a value, by its headers. */
  mark(headers: Readonly<Record<string, string>>): void {
    const redriven = this.open.get(headers[deadLetterHeaders.redriven] ?? "")
    if (redriven?.state === "open") {
      redriven.state = "redriven"
      redriven.group.redriven++
    }
    for (const id of this.byRequest.get(headers[deadLetterHeaders.resolved] ?? "") ?? []) {
      const one = this.open.get(id)
      if (one === undefined || one.state === "resolved") continue
      if (one.state === "redriven") one.group.redriven--
      one.state = "resolved"
      one.resolved = headers[deadLetterHeaders.outcome] ?? "delivered"
      one.group.resolved++
    }
  }

  /** The most frequent first. */
  list(): ReadonlyArray<DeadLetterGroup> {
    return [...this.groups.values()]
      .sort((left, right) => right.count - left.count)
      .map((group) => ({
        stage: group.stage,
        reason: group.reason,
        meaning: meaningOf(group.reason),
        connection_id: group.connectionId,
        platform: group.platform,
        count: group.count,
        open: group.count - group.redriven - group.resolved,
        redriven: group.redriven,
        resolved: group.resolved,
        first_at: group.firstAt,
        last_at: group.lastAt,
        next_step: group.nextStep
      }))
  }

  /** The newest first. */
  samples(stage: string, reason: string, connectionId: string | null): ReadonlyArray<DeadLetterRow> {
    const samples = this.groups.get(nameOf(stage, reason, connectionId))?.samples ?? []
    return samples.map((row) => {
      const known = this.open.get(row.id)
      return { ...row, redriven: known?.state === "redriven", resolved: known?.resolved ?? null }
    })
  }

  /** Dead letters of a stage by reason, of records that arrived from `since` on and before `until`. */
  arrived(
    stage: string,
    since: number,
    until: number
  ): ReadonlyArray<{ readonly reason: string; readonly count: number }> {
    return [...this.groups.values()].flatMap((group) => {
      const count = group.stage === stage ? group.arrived.sum(since, until) : 0
      return count === 0 ? [] : [{ reason: group.reason, count }]
    })
  }

  /** Forgets by the minute what arrived before (milliseconds since the epoch); the groups stay. */
  prune(before: number): void {
    for (const { arrived } of this.groups.values()) arrived.prune(before)
  }

  private groupOf({ stage, reason_code, connection_id, platform, timestamp }: DeadLetter): Group {
    const reason = redact(reason_code)
    const name = nameOf(stage, reason, connection_id)
    const bounded = this.groups.size < groupsMax || this.groups.has(name) ? reason : "other"
    return getOrMake(this.groups, nameOf(stage, bounded, connection_id), () => ({
      stage,
      reason: bounded,
      connectionId: connection_id,
      platform,
      ...{ count: 0, redriven: 0, resolved: 0, firstAt: timestamp, lastAt: timestamp, nextStep: null },
      samples: [],
      arrived: new MinuteSeries()
    }))
  }
}

const nameOf = (stage: string, reason: string, connectionId: string | null) =>
  `${stage} ${reason} ${connectionId ?? ""}`

const rowOf = (id: string, deadLetter: DeadLetter): DeadLetterRow => ({
  id,
  at: deadLetter.timestamp,
  stage: deadLetter.stage,
  reason: redact(deadLetter.reason_code),
  message: redact(deadLetter.message),
  next_step: hidden(deadLetter.next_step),
  event_id: hidden(deadLetter.event_id),
  event_name: hidden(deadLetter.event_name),
  connection_id: deadLetter.connection_id,
  source: { topic: deadLetter.source_topic, partition: deadLetter.source_partition, offset: deadLetter.source_offset },
  attempts: deadLetter.attempts,
  request_id: hidden(deadLetter.request_id),
  redriven: false,
  resolved: null
})
