// Functions that a model may call: what a list of them is, and how a call is shown. A person gives the result.

import { t } from "./i18n.js";
import { read } from "./schema.js";
import { element } from "./view.js";

const TOOL = {
  type: "object",
  required: ["name", "parameters"],
  properties: { name: { type: "string", pattern: "^[\\w-]{1,64}$" }, parameters: { type: "object" } },
};

/** The functions in a text, [{name, description, parameters}]. Throws an Error that says what is wrong. */
export const readTools = (text) => (text.trim() ? read(text, { type: "array", items: TOOL }) : []);

/** A call {name, arguments, result}; as long as it has no result, one is asked for and given to `result(text)`. */
export function callView(call, { result }) {
  const isOpen = call.result === undefined;
  const shown = isOpen ? answerForm(result) : element("pre", { tabindex: "0", "aria-label": t("Result") }, call.result);
  const given = element("pre", { tabindex: "0", "aria-label": call.name }, call.arguments);
  return element("details", { class: "call", ...(isOpen && { open: "" }) }, element("summary", {}, call.name), given, shown);
}

function answerForm(send) {
  const field = element("textarea", { rows: "2", required: "" });
  const form = element("form", {}, element("label", {}, t("Result"), field), element("button", { class: "main" }, t("Send result")));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(field.value);
  });
  return form;
}
