/**
 * Names of properties and parameters under which a person's data stands, in the languages of shops: email, phone, name, address, date
 * of birth, bank account, card, national id. Compared without case, accents, spaces and punctuation.
 */
import { memo } from "../../../shared/model/memo.ts"
import { fold } from "../identity/text.ts"

/** Whether a parameter or property of this name holds an identifier, whatever its value looks like. */
export const isIdentifierName: (name: string) => boolean = memo(4_096, (name) => {
  const folded = folded64(name)
  return always.has(folded) || always.has(folded.replace(owner, ""))
})

/**
 * Whether a value is a person's, under a name that may also mean something else: `customer` is a name in one shop and `returning` in
 * another, `mobile` a number or a kind of device.
 */
export const isPersonUnder = (name: string, value: string): boolean => {
  const kind = ambiguous(name)
  if (kind === null || value.length > valueLengthMax) return false
  return kind === "phone" ? sixDigits.test(value) : personName.test(value)
}

/** Whether the value decides, as `isPersonUnder` says. */
export const isAmbiguousName = (name: string): boolean => ambiguous(name) !== null

/** Whether an object as JSON text has a member under a name of either kind. */
export const hasIdentifierMember = (json: string): boolean => {
  if (!json.startsWith("{") && !json.startsWith("[")) return false
  for (const [, name, value] of json.matchAll(member)) {
    if (isIdentifierName(name!) || (value !== undefined && isPersonUnder(name!, value))) return true
  }
  return false
}

/** Whether the text before a position ends as an identifier's name does; false is sure, true is not. */
export const mayEndIdentifier = (text: string, end: number): boolean => {
  // Of a letter, 32 more is its lower case.
  const last = text.charCodeAt(end - 1) | 0x20
  const before = text.charCodeAt(end - 2) | 0x20
  return lastPairs[((before & 127) << 7) | (last & 127)] === 1
}

const folded64 = (name: string): string => fold(name.length > nameLengthMax ? "" : name.toLowerCase().normalize("NFKC"))
export const nameLengthMax = 64
const valueLengthMax = 128

/** Whose it is does not change what it is. */
const owner =
  /^(?:user|customer|client|contact|buyer|billing|shipping|delivery|recipient|receiver|home|kunden|rechnungs?|liefer|cliente|klant)/

const words = (text: string): ReadonlyArray<string> => text.trim().split(/\s+/)

const names = words(`
  firstname lastname fullname givenname familyname surname middlename maidenname forename fname lname fn ln customername clientname buyername
  recipientname receivername contactname cardholder cardholdername accountholder
  vorname nachname familienname kundenname kundename kontoinhaber empfaengername empfangername
  prenom nomdefamille nomcomplet nomclient nomduclient
  apellido apellidos primerapellido nombrecompleto nombrecliente nombredelcliente
  sobrenome nomecompleto nomecliente cognome nomecognome nomeecognome
  voornaam achternaam volledigenaam klantnaam fornamn efternamn fornavn efternavn etternavn etunimi sukunimi
  imienazwisko imieinazwisko nazwisko jmeno prijmeni priezvisko keresztnev vezeteknev teljesnev prenume numecomplet
  adsoyad soyad soyisim hoten namalengkap
  имя фамилия отчество фио імя прізвище ονομα επωνυμο ονοματεπωνυμο שםפרטי שםמשפחה الاسم اسمالعائلة الاسمالكامل
  姓名 名前 氏名 お名前 苗字 이름 성명 ชื่อ นามสกุล`)

const emails = words(
  "email emailaddress mailaddress mail em correo correoelectronico courriel epost epasts почта メール メールアドレス 邮箱 電子郵件 이메일"
)

const phones = words(`
  phone phonenumber phoneno telephone telephonenumber msisdn tel ph mobilenumber mobilephone cellphone whatsappnumber
  telefon telefonnummer handynummer mobilnummer telefono numerodetelefono telefone numerodetelephone telefoonnummer numertelefonu
  телефон номертелефона τηλεφωνο טלפון هاتف رقمالهاتف 电话 電話 電話番号 手机 手机号 手機 전화번호 휴대폰`)

const addresses = words(`
  street streetaddress streetname address address1 address2 addressline1 addressline2 addressline postaladdress housenumber
  strasse strassenr hausnummer anschrift adresse adresse1 rue calle direccion domicilio indirizzo endereco logradouro rua
  adres straat straatnaam huisnummer ulica adresa sokak osoite katuosoite gatuadress gateadresse
  адрес улица адреса διευθυνση οδος כתובת عنوان العنوان 住所 地址 주소 ที่อยู่ diachi alamat`)

const births = words(`
  birthdate birthday dateofbirth dob geburtsdatum geburtstag datedenaissance fechadenacimiento fechanacimiento datadinascita datanascita
  datadenascimento datanascimento geboortedatum dataurodzenia датарождения дата_рождения 生日 出生日期 生年月日 생년월일 dogumtarihi`)

const accounts = words(`
  iban bankaccount accountnumber bankaccountnumber kontonummer cardnumber cardno creditcard creditcardnumber ccnumber ccnum kartennummer
  kreditkarte kreditkartennummer numerodecarte numerotarjeta numerodetarjeta cvv cvc ssn socialsecuritynumber socialsecurity
  sozialversicherungsnummer steuernummer steuerid taxpayernumber nino nationalinsurancenumber nationalid nationalidnumber passport
  passportnumber passnummer ausweisnummer driverslicense drivinglicence driverlicense cpf dni pesel bsn personnummer codicefiscale curp aadhaar
  idcard 身份证 身份证号 マイナンバー 주민등록번호`)

const always = new Set([...names, ...emails, ...phones, ...addresses, ...births, ...accounts].map((word) => fold(word)))

const people = new Set(
  words(`
  customer client buyer recipient receiver addressee consignee shipto billto kunde kundin kaufer besteller empfanger empfaenger
  cliente comprador destinatario acheteur destinataire acquirente klant koper ontvanger klient odbiorca nabywca zakaznik prijemce vasarlo
  cimzett musteri alici kund mottagare kunden modtager клиент покупатель получатель клієнт отримувач πελατης παραληπτης
  客户 客戶 收件人 顧客 お客様 受取人 고객 받는사람 수령인`).map((word) => fold(word))
)

const devices = new Set(
  words("mobile mobil movil portable handy cell celular gsm whatsapp sms").map((word) => fold(word))
)

const ambiguous: (name: string) => "person" | "phone" | null = memo(4_096, (name) => {
  const folded = folded64(name)
  return people.has(folded) ? "person" : devices.has(folded) ? "phone" : null
})

/** Two to five words that begin with a capital, or two to eight characters of a script without capitals. */
const personName =
  /^(?:\p{Lu}[\p{L}\p{M}'’.-]{0,40}(?: \p{Ll}{1,4}){0,3}(?: \p{Lu}[\p{L}\p{M}'’.-]{0,40}){1,4}|[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]{2,8}|[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Devanagari}\p{Script=Thai}\p{M} ]{3,40})$/u

const sixDigits = /(?:\d\D{0,2}){6}/

/** A member of an object in JSON text, with its value where that is a string. */
const member = /"([^"\\]{1,64})":(?:"([^"\\]{1,128})")?/g

/** The last two characters of each name, as they stand in a URL: those of other scripts are percent-encoded there. */
const lastPairs = new Uint8Array(128 * 128)
for (const word of [...always, ...people, ...devices]) {
  const [before, last] = [word.charCodeAt(word.length - 2), word.charCodeAt(word.length - 1)]
  if (before < 128 && last < 128) lastPairs[((before | 0x20) << 7) | (last | 0x20)] = 1
}
// How nearly every parameter of a URL ends: `gclid`, `product_id`, `utm_source`. What ends so too is found where the URL is looked at for another reason.
for (const pair of ["id", "ce"]) lastPairs[(pair.charCodeAt(0) << 7) | pair.charCodeAt(1)] = 0
