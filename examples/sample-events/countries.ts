/** Invented customers of sixteen countries. Numbers are from ranges kept for fiction where a country has valid ones. */
export interface Country {
  readonly code: string
  /** Forms in which shops write the country. */
  readonly names: ReadonlyArray<string>
  readonly currency: string
  /** Digits after the point that prices have. */
  readonly decimals: number
  /** About what one US dollar buys. */
  readonly rate: number
  readonly locale: string
  /** `#` is a digit. */
  readonly phones: { readonly international: string; readonly national: string }
  readonly people: ReadonlyArray<readonly [first: string, last: string, gender: "f" | "m"]>
  readonly places: ReadonlyArray<readonly [city: string, state: string, zip: string]>
}

const country = (
  [code, ...names]: readonly [string, ...ReadonlyArray<string>],
  [currency, decimals, rate]: readonly [string, number, number],
  locale: string,
  [international, national]: readonly [string, string],
  people: Country["people"],
  places: Country["places"]
): Country => ({
  code,
  names: [code, ...names],
  currency,
  decimals,
  rate,
  locale,
  phones: { international, national },
  people,
  places
})

export const countries: ReadonlyArray<Country> = [
  country(
    ["US", "USA", "United States", "us"],
    ["USD", 2, 1],
    "en-US",
    ["+1 415-555-01##", "(415) 555-01##"],
    [
      ["Jane", "Doe", "f"],
      ["Robert", "O'Neil", "m"],
      ["Mary-Ann", "Smith Jr.", "f"],
      ["Luis", "Hernández", "m"]
    ],
    [
      ["San Francisco", "California", "94103-1234"],
      ["New York", "NY", "10001"],
      ["St. Louis", "Missouri", "63101"],
      ["Boston", "ma", "02108"]
    ]
  ),
  country(
    ["GB", "GBR", "United Kingdom"],
    ["GBP", 2, 0.8],
    "en-GB",
    ["+44 7400 123###", "07400 123###"],
    [
      ["Oliver", "Taylor-Jones", "m"],
      ["Amelia", "Brown", "f"],
      ["Zoë", "Clarke", "f"]
    ],
    [
      ["London", "England", "SW1A 1AA"],
      ["Manchester", "Greater Manchester", "M1 1AE"],
      ["Edinburgh", "Scotland", "EH1 1YZ"]
    ]
  ),
  country(
    ["DE", "DEU", "Deutschland", "Germany"],
    ["EUR", 2, 0.92],
    "de-DE",
    ["+49 1512 34567##", "01512 34567##"],
    [
      ["Jürgen", "Groß", "m"],
      ["Anna-Maria", "von der Heide", "f"],
      ["Käthe", "Müller", "f"]
    ],
    [
      ["München", "Bayern", "80331"],
      ["Köln", "Nordrhein-Westfalen", "50667"],
      ["Berlin", "Berlin", "10115"]
    ]
  ),
  country(
    ["FR", "FRA", "France"],
    ["EUR", 2, 0.92],
    "fr-FR",
    ["+33 6 12 34 5# ##", "06 12 34 5# ##"],
    [
      ["Valéry", "Lefèvre", "m"],
      ["Chloé", "D'Angelo", "f"],
      ["Jean-Luc", "Petit", "m"]
    ],
    [
      ["Paris", "Île-de-France", "75001"],
      ["Saint-Étienne", "Auvergne-Rhône-Alpes", "42000"]
    ]
  ),
  country(
    ["ES", "ESP", "España"],
    ["EUR", 2, 0.92],
    "es-ES",
    ["+34 612 34 5# ##", "612 34 5# ##"],
    [
      ["María José", "García López", "f"],
      ["Íñigo", "Muñoz", "m"]
    ],
    [
      ["Madrid", "Madrid", "28013"],
      ["A Coruña", "Galicia", "15001"]
    ]
  ),
  country(
    ["IT", "ITA", "Italia"],
    ["EUR", 2, 0.92],
    "it-IT",
    ["+39 312 345 6###", "312 345 6###"],
    [
      ["Giulia", "De Luca", "f"],
      ["Niccolò", "Rossi", "m"]
    ],
    [
      ["Roma", "Lazio", "00184"],
      ["Forlì", "Emilia-Romagna", "47121"]
    ]
  ),
  country(
    ["BR", "BRA", "Brasil"],
    ["BRL", 2, 5.4],
    "pt-BR",
    ["+55 11 91234-5###", "(11) 91234-5###"],
    [
      ["João", "da Silva", "m"],
      ["Conceição", "Araújo", "f"]
    ],
    [
      ["São Paulo", "SP", "01310-100"],
      ["Florianópolis", "Santa Catarina", "88010-000"]
    ]
  ),
  country(
    ["MX", "MEX", "México"],
    ["MXN", 2, 18],
    "es-MX",
    ["+52 55 1234 5###", "55 1234 5###"],
    [
      ["José", "Núñez", "m"],
      ["Guadalupe", "Ramírez", "f"]
    ],
    [
      ["Ciudad de México", "CDMX", "06000"],
      ["Mérida", "Yucatán", "97000"]
    ]
  ),
  country(
    ["CA", "CAN", "Canada"],
    ["CAD", 2, 1.37],
    "fr-CA",
    ["+1 416-555-01##", "416.555.01##"],
    [
      ["Émilie", "Tremblay", "f"],
      ["Liam", "MacDonald", "m"]
    ],
    [
      ["Montréal", "Québec", "H2Y 1C6"],
      ["Toronto", "ON", "M5H 2N2"]
    ]
  ),
  country(
    ["AU", "AUS", "Australia"],
    ["AUD", 2, 1.5],
    "en-AU",
    ["+61 491 570 1##", "0491 570 1##"],
    [
      ["Charlotte", "Nguyen", "f"],
      ["Jack", "O’Brien", "m"]
    ],
    [
      ["Sydney", "NSW", "2000"],
      ["Hobart", "Tasmania", "7000"]
    ]
  ),
  country(
    ["NL", "NLD", "Nederland"],
    ["EUR", 2, 0.92],
    "nl-NL",
    ["+31 6 1234 56##", "06-123456##"],
    [
      ["Sanne", "de Vries", "f"],
      ["Daan", "van 't Hof", "m"]
    ],
    [
      ["Amsterdam", "Noord-Holland", "1012 AB"],
      ["'s-Hertogenbosch", "Noord-Brabant", "5211 AA"]
    ]
  ),
  country(
    ["SE", "SWE", "Sverige"],
    ["SEK", 2, 10.5],
    "sv-SE",
    ["+46 70 174 06 ##", "070-174 06 ##"],
    [
      ["Åsa", "Öberg", "f"],
      ["Björn", "Ängström", "m"]
    ],
    [
      ["Göteborg", "Västra Götaland", "411 06"],
      ["Malmö", "Skåne", "211 20"]
    ]
  ),
  country(
    ["PL", "POL", "Polska"],
    ["PLN", 2, 4],
    "pl-PL",
    ["+48 512 345 6##", "512 345 6##"],
    [
      ["Łukasz", "Wójcik", "m"],
      ["Małgorzata", "Dąbrowska", "f"]
    ],
    [
      ["Warszawa", "Mazowieckie", "00-001"],
      ["Łódź", "Łódzkie", "90-001"]
    ]
  ),
  country(
    ["JP", "JPN", "日本"],
    ["JPY", 0, 150],
    "ja-JP",
    ["+81 90-1234-56##", "090-1234-56##"],
    [
      ["花子", "山田", "f"],
      ["太郎", "佐藤", "m"]
    ],
    [
      ["東京", "東京都", "100-0001"],
      ["大阪", "大阪府", "530-0001"]
    ]
  ),
  country(
    ["IN", "IND", "India"],
    ["INR", 2, 84],
    "en-IN",
    ["+91 98765 432##", "098765 432##"],
    [
      ["Priya", "Sharma", "f"],
      ["Arjun", "Patel", "m"]
    ],
    [
      ["Mumbai", "Maharashtra", "400001"],
      ["Bengaluru", "Karnataka", "560001"]
    ]
  ),
  country(
    ["AE", "ARE", "United Arab Emirates"],
    ["AED", 2, 3.67],
    "ar-AE",
    ["+971 50 123 45##", "050 123 45##"],
    [
      ["Fatima", "Al Mansoori", "f"],
      ["أحمد", "الهاشمي", "m"]
    ],
    [
      ["Dubai", "Dubai", ""],
      ["Abu Dhabi", "Abu Dhabi", ""]
    ]
  )
]
