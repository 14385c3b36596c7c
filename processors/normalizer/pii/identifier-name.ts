/** Names of parameters and properties that hold an identifier whatever their value looks like. */
import { memo } from "../../../shared/model/memo.ts"

export const isIdentifierName: (name: string) => boolean = memo(4_096, (name) => identifierName.test(name))

const identifierName =
  /^(?:(?:user|customer|contact|billing|shipping)?[-_. ]?(?:e[-_]?mail(?:[-_]?address)?|phone(?:[-_]?number)?|telephone|msisdn|first[-_]?name|last[-_]?name|full[-_]?name|given[-_]?name|family[-_]?name|surname|birth[-_]?date|birthday|date[-_]?of[-_]?birth)|dob|tel|mail|fname|lname|em|ph|fn|ln)$/i

/** Names of the ids that an order, a payment or a product has in a shop, by which platforms and tags deduplicate. */
export const isOrderIdName: (name: string) => boolean = memo(4_096, (name) => orderIdName.test(name))

const orderIdName =
  /(?:^|[-_. ])(?:order|transaction|txn|invoice|payment|checkout|cart|receipt|booking|reservation|ticket|product|item|variant)[-_. ]?(?:id|ids|number|num|no|nr|ref|reference|key|token|code)$|^sku$/i

/** Whether the text before a position ends as a name does that `isIdentifierName` tells; false is sure, true is not. */
export const mayEndIdentifier = (text: string, end: number): boolean => {
  // Of a letter, 32 more is its lower case.
  const last = text.charCodeAt(end - 1) | 0x20
  const before = text.charCodeAt(end - 2) | 0x20
  return lastPairs[((before & 127) << 7) | (last & 127)] === 1
}

/** The last two letters of every name in the expression. */
const lastPairs = new Uint8Array(128 * 128)
for (const pair of ["il", "ss", "ne", "er", "dn", "me", "te", "ay", "th", "ob", "el", "em", "ph", "fn", "ln"]) {
  lastPairs[(pair.charCodeAt(0) << 7) | pair.charCodeAt(1)] = 1
}
