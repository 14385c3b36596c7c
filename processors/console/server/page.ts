/** The page's files, as Vite built them, and the headers of every response. */
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import path from "node:path"
import { fileURLToPath } from "node:url"
import * as HttpServerResponse from "effect/http/HttpServerResponse"

/** Beside the bundled programs, or in the checkout. */
export const pageFolder = import.meta.url.endsWith(".js")
  ? fileURLToPath(new URL("../console/", import.meta.url))
  : fileURLToPath(new URL("../../../dist/console/", import.meta.url))

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".json": "application/json",
  ".map": "application/json",
  ".txt": "text/plain; charset=utf-8"
}

export interface Page {
  /** The answer to a path that is no route of the API; null for 404. */
  readonly answer: (url: string) => HttpServerResponse.HttpServerResponse | null
  readonly isBuilt: boolean
  readonly contentSecurityPolicy: string
}

/** Reads the folder once: what it holds is all that can be asked for. */
export const readPage = (folder: string): Page => {
  const files = filesOf(folder)
  const index = files.get("/index.html")
  const html = index === undefined ? notBuilt : index.toString("utf8")
  const policy = policyOf(html)
  const document = HttpServerResponse.text(html, {
    status: index === undefined ? 503 : 200,
    contentType: types[".html"]!,
    headers: { "cache-control": "no-cache" }
  })
  return {
    isBuilt: index !== undefined,
    contentSecurityPolicy: policy,
    answer: (url) => {
      const name = url.split("?", 1)[0]!
      if (name === "/api" || name.startsWith("/api/")) return null
      const file = name === "/index.html" ? undefined : files.get(name)
      if (file !== undefined)
        return HttpServerResponse.uint8Array(file, {
          contentType: types[path.extname(name)] ?? "application/octet-stream",
          // Files under assets have a hash in their names.
          headers: { "cache-control": name.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache" }
        })
      return name === "/index.html" || !path.posix.basename(name).includes(".") ? document : null
    }
  }
}

const filesOf = (folder: string): ReadonlyMap<string, Buffer> => {
  const files = new Map<string, Buffer>()
  const read = (at: string, url: string): void => {
    for (const entry of readdirSync(at, { withFileTypes: true })) {
      const name = `${url}/${entry.name}`
      if (entry.isDirectory()) read(path.join(at, entry.name), name)
      else if (entry.isFile()) files.set(name, readFileSync(path.join(at, entry.name)))
    }
  }
  try {
    read(folder, "")
  } catch {
    // It was not built.
    return new Map()
  }
  return files
}

/** Inline scripts and styles of the page are allowed by their hashes, and no others. */
const policyOf = (html: string): string => {
  const hashes = (name: string) =>
    elementsOf(html, name)
      .filter(({ attributes, body }) => body !== "" && !/\bsrc\s*=/.test(attributes))
      .map(({ body }) => ` 'sha256-${createHash("sha256").update(body).digest("base64")}'`)
      .join("")
  return [
    "default-src 'none'",
    `script-src 'self'${hashes("script")}`,
    `style-src 'self'${hashes("style")}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; ")
}

/** The elements of this name, by their places, so that the page is looked through once. */
const elementsOf = (html: string, name: string) => {
  const found: Array<{ readonly attributes: string; readonly body: string }> = []
  for (let at = html.indexOf(`<${name}`); at >= 0; ) {
    const head = html.indexOf(">", at)
    const end = html.indexOf(`</${name}>`, head)
    if (head < 0 || end < 0) break
    found.push({ attributes: html.slice(at + name.length + 1, head), body: html.slice(head + 1, end) })
    at = html.indexOf(`<${name}`, end)
  }
  return found
}

const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>The page was not built</title></head>
<body><h1>The page was not built</h1>
<p>The console's server runs; its API answers under <code>/api</code>. Build the page with <code>make build</code>, then start the console again.</p>
</body></html>
`

/** Of every response. */
export const securityHeaders = (contentSecurityPolicy: string): Readonly<Record<string, string>> => ({
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()"
})
