// The column of settings: a field with a name is the setting of that name, and below it stands what is wrong with it.

import { offer } from "./adapters.js";
import { choice, setLanguage } from "./i18n.js";
import { readSchema } from "./schema.js";
import { NUMBERS, settings, thinks } from "./settings.js";
import { setTheme, theme } from "./theme.js";
import { readTools } from "./tools.js";
import { $, button, element, on } from "./view.js";
import { LANGUAGES } from "./words.js";

const PRESETS = {
  precise: { temperature: 0.2, top_p: 0.9 },
  creative: { temperature: 1.1, top_k: 0, top_p: 1, min_p: 0.05 },
  reset: {},
};
const object = (properties) => ({ type: "object", properties, required: Object.keys(properties) });

/** The fields of JSON: what reads their text, and an example of it. */
const JSON_FIELDS = {
  schema: { read: readSchema, example: object({ name: { type: "string" }, age: { type: "integer" } }) },
  tools: {
    read: readTools,
    example: [{ name: "get_weather", description: "The weather now", parameters: object({ place: { type: "string" } }) }],
  },
};

export class Panel {
  /** conversation: returns the open one; changed: called when its system prompt is another. */
  constructor({ conversation, changed }) {
    Object.assign(this, { conversation, changed });
    $("numbers").append(...Object.keys(NUMBERS).map(numberField));
    for (const [id, { example }] of Object.entries(JSON_FIELDS)) {
      $(id).placeholder = JSON.stringify(example, null, 2);
      on(`${id}-example`, "click", () => fill($(id)));
    }
    for (const [value, name] of Object.entries(LANGUAGES)) {
      $("language").append(element("option", { value, lang: value, translate: "no" }, name));
    }
    show();
    on("panel", "input", ({ target }) => take(target), ({ target }) => target.name);
    on("panel", "focusin", showAppearance); // a shortcut may have changed the theme
    on("close-panel", "click", () => $("open-settings").click());
    on("system", "input", () => this.say($("system").value));
    on("system-reset", "click", () => this.say(this.usual));
    for (const [id, numbers] of Object.entries(PRESETS)) on(id, "click", () => sample(numbers));
    on("model-choice", "change", offer);
    on("language", "input", () => setLanguage($("language").value));
    on("theme", "input", () => setTheme($("theme").value));
  }

  /** The system prompt of a conversation that has none of its own. */
  get usual() {
    return settings.server.props?.system_prompt ?? "";
  }

  /** Show what the server offers, and the system prompt of the conversation that is open now. */
  refresh() {
    const usual = settings.server.props?.default_generation_settings.params;
    for (const name of Object.keys(NUMBERS)) $(name).placeholder = usual?.[name] ?? "";
    $("thinking").hidden = !thinks();
    offer();
    this.recite();
  }

  recite() {
    const { system } = this.conversation();
    $("system").value = system ?? this.usual;
    $("system-note").hidden = system === null;
  }

  /** Take a system prompt for the conversation; the usual one is not kept in it. */
  say(text) {
    this.conversation().system = text === this.usual ? null : text;
    this.changed();
    this.recite();
  }
}

function numberField(id) {
  const [min, max, step] = NUMBERS[id];
  const field = element("input", { id, name: `sampling.${id}`, type: "number", min, max, step });
  return element("label", { translate: "no" }, id, field, element("span", { class: "problem", role: "status" }));
}

function fill(field) {
  field.value = field.placeholder;
  take(field);
  field.focus();
}

function sample(numbers) {
  settings.value.sampling = { ...numbers };
  settings.keep();
  show();
}

function show() {
  for (const field of $("panel").querySelectorAll("[name]")) {
    const value = field.name.split(".").reduce((part, name) => part[name], settings.value);
    if (field.type === "checkbox") field.checked = value;
    else field.value = value ?? "";
    mark(field);
  }
  showAppearance();
}

function take(field) {
  mark(field);
  const [name, part] = field.name.split(".");
  if (part) settings.value[name][part] = valueOf(field);
  else settings.value[name] = valueOf(field);
  settings.keep();
}

function valueOf({ type, checked, value, validity }) {
  if (type === "checkbox") return checked;
  if (type !== "number") return value;
  return validity.valid && value ? Number(value) : undefined;
}

/** Say below a field what is wrong with it, of a number in the browser's words. */
function mark(field) {
  const place = field.nextElementSibling;
  if (!place) return;
  field.setCustomValidity(problemOf(field));
  place.textContent = field.validationMessage;
}

function problemOf({ id, value }) {
  try {
    JSON_FIELDS[id]?.read(value);
    return "";
  } catch ({ message }) {
    return message;
  }
}

function showAppearance() {
  [$("language").value, $("theme").value] = [choice(), theme()];
}
