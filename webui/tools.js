// Functions that a model may call: what one is, and how a call is shown. The page itself runs none: a person gives the result.

import { t } from "./i18n.js";
import { element } from "./view.js";

/** Whether `tool` is {name, description, parameters}, as it is kept and sent. */
export function isTool(tool) {
  const { name, description, parameters } = tool ?? {};
  const texts = [name, description].every((text) => typeof text === "string");
  return texts && /^[\w-]{1,64}$/.test(name) && parameters?.constructor === Object;
}

/** A call {name, arguments, result}; as long as it has no result, one is asked for and given to `result(text)`. */
export function callView(call, { result }) {
  const isOpen = call.result === undefined;
  const given = element("pre", { tabindex: "0", "aria-label": call.name }, pretty(call.arguments));
  const shown = isOpen ? answerForm(call.name, result) : element("pre", { tabindex: "0", "aria-label": t("Result") }, call.result);
  const name = element("summary", {}, element("code", {}, call.name));
  return element("details", { class: "call", translate: "no", ...(isOpen && { open: "" }) }, name, given, shown);
}

function answerForm(name, send) {
  const field = element("textarea", { rows: "2", required: "" });
  const label = element("label", { translate: "yes" }, t("Result"), field);
  const form = element("form", {}, label, element("div", { class: "row" }, element("button", { class: "main" }, t("Send result"))));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(field.value);
  });
  return form;
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // It is being written still, or was never JSON.
  }
}
