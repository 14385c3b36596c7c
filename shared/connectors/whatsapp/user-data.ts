/** WhatsApp takes no user data: a message has a recipient, who stays sealed until delivery. */
import type { NormalizedUser } from "../../../schemas/types.gen.ts"
import type { JsonObject, MappingContext } from "../connector.ts"

export const formatUserData = (_user: NormalizedUser, _context: MappingContext): JsonObject => ({})
