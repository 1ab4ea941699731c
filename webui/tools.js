// Functions that a model may call. A person gives the result.

import { t } from "./i18n.js";
import { read } from "./schema.js";
import { button, element } from "./view.js";

const TOOL = {
  type: "object",
  properties: { name: { type: "string", pattern: "^[\\w-]{1,64}$" }, parameters: { type: "object" } },
  required: ["name", "parameters"],
};

/** Throws like `hold`. */
export const readTools = (text) =>
  (text?.trim() ? read(text, { type: "array", items: TOOL }) : []).map((one) => ({ type: "function", function: one }));

/** {name, arguments, result}; without a result, one is asked for. */
export function callView(call, send) {
  const isOpen = call.result === undefined;
  const shown = isOpen ? answerForm(send) : element("pre", {}, call.result);
  const state = { class: "call", ...(isOpen && { open: "" }) };
  return element("details", state, element("summary", {}, call.name), element("pre", {}, call.arguments), shown);
}

function answerForm(send) {
  const field = element("textarea", { rows: 2 });
  return element("div", {}, element("label", {}, t("Result"), field), button(t("Send"), () => send(field.value), "main"));
}
