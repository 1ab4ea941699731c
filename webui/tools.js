// Functions that a model may call: what a list of them is, and how a call is shown. A person gives the result.

import { t } from "./i18n.js";
import { read } from "./schema.js";
import { element } from "./view.js";

const TOOL = {
  type: "object",
  properties: { name: { type: "string", pattern: "^[\\w-]{1,64}$" }, parameters: { type: "object" } },
  required: ["name", "parameters"],
};

/** The functions in a text, [{name, description, parameters}], as a request offers them. Throws like `hold`. */
export function readTools(text) {
  const functions = text?.trim() ? read(text, { type: "array", items: TOOL }) : [];
  return functions.map((one) => ({ type: "function", function: one }));
}

/** A call {name, arguments, result}; as long as it has no result, one is asked for and given to `result(text)`. */
export function callView(call, { result }) {
  const isOpen = call.result === undefined;
  const shown = isOpen ? answerForm(result) : element("pre", {}, call.result);
  const state = isOpen ? { open: "" } : {};
  return element("details", { class: "call", ...state }, element("summary", {}, call.name), element("pre", {}, call.arguments), shown);
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
