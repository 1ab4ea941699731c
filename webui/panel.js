// The column of settings: a field with a name is the setting of that name, and below it stands what is wrong with it.

import { offer } from "./adapters.js";
import { choice, setLanguage } from "./i18n.js";
import { readSchema } from "./schema.js";
import { NUMBERS, readNumber, settings, thinks } from "./settings.js";
import { setTheme, theme } from "./theme.js";
import { readTools } from "./tools.js";
import { $, element, on } from "./view.js";
import { LANGUAGES } from "./words.js";

const PRESETS = {
  precise: { temperature: 0.2, top_p: 0.9 },
  creative: { temperature: 1.1, top_k: 0, top_p: 1, min_p: 0.05 },
  reset: {},
};
const object = (properties) => ({ type: "object", properties, required: Object.keys(properties) });

const READERS = { schema: readSchema, tools: readTools };
const EXAMPLES = {
  schema: object({ name: { type: "string" }, age: { type: "integer" } }),
  tools: [{ name: "get_weather", description: "The weather now", parameters: object({ place: { type: "string" } }) }],
};

export class Panel {
  /** conversation: returns the open one; changed: called when its system prompt is another. */
  constructor({ conversation, changed }) {
    Object.assign(this, { conversation, changed });
    $("numbers").append(...Object.keys(NUMBERS).map(numberField));
    for (const [id, example] of Object.entries(EXAMPLES)) {
      $(id).placeholder = JSON.stringify(example, null, 2);
      on(`${id}-example`, "click", () => {
        $(id).value = $(id).placeholder;
        take($(id));
        $(id).focus();
      });
    }
    for (const [value, name] of Object.entries(LANGUAGES)) {
      $("language").append(element("option", { value, lang: value }, name));
    }
    show();
    on("panel", "input", ({ target }) => take(target), ({ target }) => target.name);
    on("close-panel", "click", () => $("open-settings").click());
    on("system", "input", () => this.say($("system").value));
    on("system-reset", "click", () => this.say(null));
    for (const [id, preset] of Object.entries(PRESETS)) on(id, "click", () => sample(preset));
    on("models", "change", offer);
    for (const [id, chosen, choose] of [["language", choice, setLanguage], ["theme", theme, setTheme]]) {
      $(id).value = chosen();
      on(id, "input", () => choose($(id).value));
    }
  }

  /** Show what the server offers, and the system prompt of the conversation that is open now. */
  refresh() {
    const { props } = settings.server;
    const { system } = this.conversation();
    for (const name of Object.keys(NUMBERS)) $(name).placeholder = props?.default_generation_settings.params[name] ?? "";
    $("thinking").hidden = !thinks();
    $("system").value = system ?? props?.system_prompt ?? "";
    $("system-note").hidden = system === null;
    offer();
  }

  /** Take a system prompt for the conversation; null: the usual one. */
  say(text) {
    this.conversation().system = text;
    this.changed();
    this.refresh();
  }
}

function numberField(id) {
  const field = element("input", { id, name: id, inputmode: "decimal" });
  return element("label", {}, id, field, element("span", { class: "problem", role: "status" }));
}

function sample(numbers) {
  for (const name of Object.keys(NUMBERS)) settings.set(name, numbers[name]);
  show();
}

function take(field) {
  settings.set(field.name, field.type === "checkbox" ? field.checked : field.value);
  mark(field);
}

function show() {
  for (const field of $("panel").querySelectorAll("[name]")) {
    const value = settings.value[field.name];
    if (field.type === "checkbox") field.checked = value;
    else field.value = value ?? "";
    mark(field);
  }
}

/** Say below a field what is wrong with it, where there is a place for that. */
function mark(field) {
  if (!field.nextElementSibling) return;
  field.setCustomValidity(problemOf(field));
  field.nextElementSibling.textContent = field.validationMessage;
}

function problemOf({ id, value }) {
  try {
    if (value) (READERS[id] ?? readNumber)(value, id);
    return "";
  } catch ({ message }) {
    return message;
  }
}
