// Functions that a model may call: how they are declared, and how a call is shown. A person gives the result.

import { t } from "./i18n.js";
import { read } from "./schema.js";
import { button, element } from "./view.js";

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
  const shown = call.result === undefined ? answerForm(result) : element("pre", {}, call.result);
  const view = element("details", { class: "call" }, element("summary", {}, call.name), element("pre", {}, call.arguments), shown);
  view.open = call.result === undefined;
  return view;
}

function answerForm(send) {
  const field = element("textarea", { rows: 2 });
  return element("div", {}, element("label", {}, t("Result"), field), button(t("Send"), () => send(field.value), "main"));
}
