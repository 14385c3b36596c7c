/** Certificates for tests of TLS, by openssl: an authority, and what it issues for brokers (127.0.0.1) and clients. */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import path from "node:path"

/** PEM files. */
export interface IssuedCertificate {
  readonly cert: string
  readonly key: string
  /** Key and certificate in one file, as Kafka's brokers take them. */
  readonly both: string
}

export interface Authority {
  /** PEM file of the authority's certificate. */
  readonly ca: string
  readonly issue: (name: string) => IssuedCertificate
}

const openssl = (args: ReadonlyArray<string>): void => {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] })
}
const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

/** A new authority whose files are in `folder`. */
export const makeAuthority = (folder: string, name = "authority"): Authority => {
  const [ca, caKey] = [path.join(folder, `${name}.pem`), path.join(folder, `${name}.key`)]
  openssl(["req", "-x509", ...newKey, "-days", "2", "-subj", `/CN=${name}`, "-keyout", caKey, "-out", ca])
  return {
    ca,
    issue: (subject) => {
      const at = (ending: string) => path.join(folder, `${subject}.${ending}`)
      writeFileSync(at("ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
      openssl(["req", ...newKey, "-subj", `/CN=${subject}`, "-keyout", at("key"), "-out", at("csr")])
      openssl([
        ...["x509", "-req", "-in", at("csr"), "-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2"],
        ...["-extfile", at("ext"), "-out", at("crt")]
      ])
      writeFileSync(at("both.pem"), readFileSync(at("key"), "utf8") + readFileSync(at("crt"), "utf8"))
      return { cert: at("crt"), key: at("key"), both: at("both.pem") }
    }
  }
}
