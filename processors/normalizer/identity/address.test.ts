import { normalizeCountry, normalizeState, normalizeZip } from "./address.ts"
import { check, pick } from "./testing.ts"

const stateIn = (country: string | null) => (input: string) => normalizeState(input, country)
check(
  "state in the US",
  [
    ["California", "ca"],
    ["  new   york ", "ny"],
    ["Calif.", "ca"],
    ["W. Virginia", "wv"],
    ["N Carolina", "nc"],
    ["D.C.", "dc"],
    ["District of Columbia", "dc"],
    ["Washington, D.C.", "dc"],
    ["US-TX", "tx"],
    ["Puerto Rico", "pr"],
    ["Ontario", "(invalid_state)"],
    ["ZZ", "(invalid_state)"]
  ],
  stateIn("US")
)
check(
  "state elsewhere",
  [
    ["Bayern", "bayern"],
    ["DE-BY", "by"],
    ["Île-de-France", "îledefrance"],
    ["Washington", "washington"]
  ],
  stateIn("DE")
)
check(
  "state without a country",
  [
    ["Oregon", "or"],
    ["WA", "wa"],
    ["Califórnia", "ca"],
    ["Ontario", "ontario"]
  ],
  stateIn(null)
)

const zipIn = (country: string | null) => (input: string) => pick(normalizeZip(input, country), "plain")
check(
  "zip in the US",
  [
    ["94103-1234", "94103"],
    ["941031234", "94103"],
    ["94103", "94103"],
    ["2139", null],
    ["SW1A 1AA", null],
    ["00000", "(placeholder)"]
  ],
  zipIn("US")
)
check(
  "zip elsewhere",
  [
    ["01310-100", "01310100"],
    ["SW1A 1AA", "sw1a1aa"],
    ["K1A-0A6", "k1a0a6"],
    ["12345-6789", "123456789"]
  ],
  zipIn("SA")
)
check(
  "zip without a country",
  [
    ["60614-9876", "60614"],
    ["01310-100", "01310100"],
    ["-", "(placeholder)"],
    ["A", "(invalid_zip)"]
  ],
  zipIn(null)
)
check("zip, Google", [[" B33 8TH ", "B33 8TH"]], (input) => pick(normalizeZip(input, "US"), "google"))
check("zip, Snapchat", [["60614-9876", "60614-9876"]], (input) => pick(normalizeZip(input, "US"), "snap"))

check(
  "country",
  [
    ["us", "US"],
    ["USA", "US"],
    ["U.S.A.", "US"],
    ["United\tStates", "US"],
    ["UK", "GB"],
    ["England", "GB"],
    ["DEU", "DE"],
    ["Deutschland", "DE"],
    ["AUT", "AT"],
    ["AUS", "AU"],
    ["中国", "CN"],
    ["日本", "JP"],
    ["대한민국", "KR"],
    ["Россия", "RU"],
    ["España", "ES"],
    ["Österreich", "AT"],
    ["Cote d'Ivoire", "CI"],
    ["Türkiye", "TR"],
    ["NA", "NA"],
    ["U.K.", "GB"],
    ["United Kingdom (UK)", "GB"],
    ["United States of America (the)", "US"],
    ["Netherlands (Kingdom of the)", "NL"],
    ["Korea (the Republic of)", "KR"],
    ["Korea (the Democratic People's Republic of)", "KP"],
    ["Bahamas, The", "BS"],
    ["The Democratic Republic of the Congo", "CD"],
    ["Georgia (USA)", "(invalid_country)"],
    ["Áo", "(invalid_country)"],
    ["UAE", "AE"],
    ["XX", "(invalid_country)"],
    ["InvalidCountry", "(invalid_country)"],
    ["N/A", "(placeholder)"]
  ],
  normalizeCountry
)
