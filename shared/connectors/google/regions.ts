/** Where Google asks not to send IP addresses: the EEA, the UK and Switzerland, with their outer regions (Data Manager, send events). */
import countries from "../../../schemas/catalog/no-ip-countries.json" with { type: "json" }

const without: ReadonlySet<string> = new Set(countries)

/** Whether the IP address of a customer may go to Google; not where nobody knows the country. */
export const mayHaveIp = (countryCode: string | null): boolean => countryCode !== null && !without.has(countryCode)
