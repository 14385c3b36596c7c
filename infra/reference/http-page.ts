/** docs/reference/http.md: what each program answers over HTTP. */
import { connectors } from "../../shared/connectors/registry.ts"
import { indexPath } from "../../shared/event-story/ask-index.ts"
import { bodyBytesMax, connectionsMax } from "../../shared/runtime/http-server.ts"
import { byteSize, code, codes, page, table } from "./markdown.ts"

export const httpPage = (): string => {
  const platforms = [
    ...new Set(Object.values(connectors).flatMap(({ webhook, platform }) => (webhook === undefined ? [] : [platform])))
  ]
  return page("HTTP endpoints", [
    `Nothing is published over HTTP: events come by Kafka. Each program listens on \`HOST\` and \`PORT\` ([settings](settings.md)); port 0 takes a free one, which the log names.`,
    table(
      ["method", "path", "answers"],
      [
        ["GET", code("/healthz"), "`200` and `alive` while the process answers: for a liveness probe"],
        [
          "GET",
          code("/readyz"),
          "`200` if the program works, else `503`; JSON: `ready`, and for each of `dependencies` whether it is `healthy`, the `reason` if not, and `needed: false` where the program works without it"
        ],
        ["GET", code("/metrics"), "`200` and Prometheus' text format: [metrics](metrics.md)"]
      ]
    ),
    "## Webhooks",
    `Served by the deliveries of ${codes(platforms)}, on the port \`CAPI_WEBHOOK_PORT\`, one path for each connection:`,
    table(
      ["method", "path", "answers"],
      [
        [
          "GET",
          code("/webhooks/<platform>/<connection>"),
          "the platform's challenge, if the verify token is that of the credential; else `403`"
        ],
        [
          "POST",
          code("/webhooks/<platform>/<connection>"),
          "`200` once the final outcomes are on `delivery-results`; `403` without the platform's signature; `503` while Kafka does not answer: the platform posts it again"
        ]
      ]
    ),
    "## Lookups in the index of events",
    `Served by the indexer on \`CAPI_INDEXER_PORT\`, for \`./capi trace\` and the console ([trace](../trace.md)); on loopback, or with the token of \`CAPI_INDEXER_TOKEN\`:`,
    table(
      ["method", "path", "answers"],
      [
        [
          "POST",
          code(indexPath),
          "`200` and JSON: where the records of each of `terms` are, how many records are not read yet; `400` for another body; `403` without `content-type: application/json` or the token"
        ]
      ]
    ),
    "## Console",
    "Served by `console` on `CAPI_CONSOLE_HOST` and `CAPI_CONSOLE_PORT`: its page, and under `/api` the API that `processors/console/api.ts` describes. Access is in [console](../console.md).",
    `Any other path is answered by \`404\`, another method by \`405\`, a body over ${byteSize(bodyBytesMax)} by \`413\`; more than ${connectionsMax} connections are closed as they
come. There is no TLS and no login: let a proxy end TLS in front of the webhook, and keep the other port inside your network.`
  ])
}
