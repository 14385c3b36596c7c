import { normalizeCity } from "./address.ts"
import { normalizeEmail } from "./email.ts"
import { normalizeFirstName, normalizeLastName } from "./person.ts"
import { check, pick } from "./testing.ts"

check(
  "email, plain",
  [
    [" Jane.Doe+News@Example.COM\n", "jane.doe+news@example.com"],
    ["mailto:jane@shop.example", "jane@shop.example"],
    ["\u200bjane@shop.example\ufeff", "jane@shop.example"],
    ["JÖRG@Müller.de", "jörg@müller.de"],
    ["jo\u0308rg@mu\u0308ller.de", "jörg@müller.de"],
    ["foo..bar.@docomo.ne.jp", "foo..bar.@docomo.ne.jp"],
    ["o'neil_%x@xn--mller-kva.de", "o'neil_%x@xn--mller-kva.de"],
    ["\u200eja\u200bne\u00ad@shop.example\u202c", "jane@shop.example"],
    ["bob @shop.example", "(invalid_email)"],
    ["a@b@shop.example", "(invalid_email)"],
    ["@shop.example", "(invalid_email)"],
    ["quinn", "(invalid_email)"],
    ["quinn@localhost", "(invalid_email)"],
    ["quinn@-shop.example", "(invalid_email)"],
    ["quinn@shop..example", "(invalid_email)"],
    ["...@gmail.com", "(invalid_email)"],
    ["Jane <jane@shop.example>", "(invalid_email)"],
    ["5d41402abc4b2a76b9719d911017c592", "(unsupported_hash)"],
    ["test@test.com", "(placeholder)"],
    ["TEST@test.com ", "(placeholder)"],
    ["none@none.com", "(placeholder)"],
    ["noemail@shop.example", "(placeholder)"],
    ["n/a", "(placeholder)"],
    ["-", "(placeholder)"],
    ["customer@shop.invalid", "(placeholder)"],
    ["test@example.com", "test@example.com"],
    [" ", "(empty)"]
  ],
  (input) => pick(normalizeEmail(input), "plain")
)

check(
  "email, Google",
  [
    ["QuinnY@EXAMPLE.com", "quinny@example.com"],
    ["user.name+NYC@Example.com", "user.name+nyc@example.com"],
    ["jefferson.Loves.hiking@gmail.com", "jeffersonloveshiking@gmail.com"],
    ["j.e.f..ferson.Loves.hiking@gmail.com", "jeffersonloveshiking@gmail.com"],
    ["Cloudy.SanFrancisco+shopping@googlemail.com", "cloudysanfrancisco@googlemail.com"],
    ["jane.doe+x@mail.gmail.com", "jane.doe+x@mail.gmail.com"],
    ["+x@gmail.com", null]
  ],
  (input) => pick(normalizeEmail(input), "google")
)

check(
  "first name, Meta",
  [
    ["O'Neil", "oneil"],
    ["O’Neil", "oneil"],
    ["Anna-Maria", "annamaria"],
    ["Mary Ann", "maryann"],
    ["Vale\u0301ry", "valéry"],
    ["Gal·la", "galla"],
    ["정", "정"],
    ["İpek", "i̇pek"],
    ["Dr. Alex", "dralex"],
    ["Na", "na"],
    ["NULL", "(placeholder)"],
    ["N/A", "(placeholder)"],
    ["***", "(placeholder)"],
    ["123", "(invalid_name)"],
    ["!@#John$%^", "john"],
    ["jane@shop.example", "(invalid_name)"]
  ],
  (input) => pick(normalizeFirstName(input), "plain")
)

check(
  "first name, Google",
  [
    ["Jean\u200b-\u2060Luc", "jean-luc"],
    ["علی\u200cرضا", "علی\u200cرضا"],
    [" Mr. Alex   ", "alex"],
    ["Mrs. Alex", "alex"],
    ["Dr. Alex", "alex"],
    ["Dr Alex", "dr alex"],
    [" Alex Dr.", "alex dr."],
    [" Mralex ", "mralex"],
    ["Mary-Ann", "mary-ann"],
    [" Mr. ", null]
  ],
  (input) => pick(normalizeFirstName(input), "google")
)

check(
  "last name, Google",
  [
    ["Quinn-Alex", "quinn-alex"],
    [" Quinn, Jr.   ", "quinn"],
    ["Quinn,Jr.", "quinn"],
    ["Quinn Sr.", "quinn"],
    ["quinn, jr. dds", "quinn"],
    ["quinn, jr., dds", "quinn"],
    ["Henry VIII", "henry viii"],
    ["Boardds", "boardds"],
    ["lacparm", "lacparm"],
    [", Jr. ", null]
  ],
  (input) => pick(normalizeLastName(input), "google")
)

check(
  "city, Meta",
  [
    ["St. John's", "stjohns"],
    ["São Paulo", "sãopaulo"],
    ["Zürich", "zürich"],
    ["東京", "東京"],
    ["Paris 15e", "paris15e"],
    ["unknown", "(placeholder)"],
    ["94103", "(invalid_city)"],
    // A filler of Hangul is a letter by Unicode, and shows nothing.
    ["\u115f", "(invalid_city)"]
  ],
  (input) => pick(normalizeCity(input), "plain")
)
check("city, Snapchat", [["Wilkes-Barre Town", "wilkes-barretown"]], (input) => pick(normalizeCity(input), "snap"))
