// Functions that the model may call: how they are declared, and how a call of one is shown. The page itself runs none.

import { t } from "./i18n.js";
import { button, element } from "./view.js";

/** Whether `tool` is {name, description, parameters}, as it is kept and sent. */
export function isTool(tool) {
  const { name, description, parameters } = tool ?? {};
  const isSchema = parameters && typeof parameters === "object" && !Array.isArray(parameters);
  return /^[\w-]{1,64}$/.test(name) && typeof description === "string" && isSchema;
}
