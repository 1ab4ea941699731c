// The column of settings: a field is named as its setting is; below it stands what is wrong.

import { choice, setLanguage } from "./i18n.js";
import { readSchema } from "./schema.js";
import { NUMBERS, chats, readNumber, settings, thinks, usual, weight } from "./settings.js";
import { setTheme, theme } from "./theme.js";
import { readTools } from "./tools.js";
import { $, element, on } from "./view.js";
import { LANGUAGES } from "./words.js";

const NAMES = Object.keys(NUMBERS);
const PRESETS = {
  precise: { temperature: 0.2, top_p: 0.9 },
  creative: { temperature: 1.1, top_k: 0, top_p: 1, min_p: 0.05 },
  reset: {},
};
const READERS = { schema: readSchema, tools: readTools };
const EXAMPLES = {
  schema: `{"type": "object",
 "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
 "required": ["name", "age"]}`,
  tools: `[{"name": "get_weather",
 "parameters": {"properties": {"place": {"type": "string"}}}}]`,
};

export class Panel {
  /** changed(): the system prompt is another. */
  constructor({ conversation, changed }) {
    Object.assign(this, { conversation, changed });
    $("numbers").append(...NAMES.map(numberField));
    $("language").append(...Object.entries(LANGUAGES).map(([value, name]) => element("option", { value, lang: value }, name)));
    $("panel").querySelectorAll("[name]").forEach(fill);
    for (const [id, preset] of Object.entries(PRESETS)) {
      on(id, "click", () => NAMES.forEach((name) => put($(name), preset[name])));
    }
    for (const [id, example] of Object.entries(EXAMPLES)) {
      $(id).placeholder = example;
      on(`${id}-example`, "click", () => put($(id), example) ?? $(id).focus());
    }
    $("language").value = choice();
    $("theme").value = theme();
    on("language", "input", () => setLanguage($("language").value));
    on("theme", "input", () => setTheme($("theme").value));
    on("panel", "input", ({ target }) => take(target), ({ target }) => target.name);
    on("models", "change", offer);
    on("close-panel", "click", () => $("open-settings").click());
    on("system", "input", () => this.say($("system").value));
    on("system-reset", "click", () => this.say(null));
  }

  refresh() {
    const { system } = this.conversation();
    for (const name of NAMES) $(name).placeholder = usual(name) ?? "";
    $("thinking").hidden = !thinks();
    $("system").value = system ?? settings.server.props?.system_prompt ?? "";
    $("system-note").hidden = system === null;
    offer();
  }

  /** null: the usual one. */
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

/** Adapters belong to the main model. */
function offer() {
  const names = chats();
  const at = Math.max(0, names.indexOf(settings.value.model));
  const rows = at > 0 ? [] : (settings.server.adapters ?? []).map(slider);
  $("models").replaceChildren(...names.map((name) => element("option", { translate: "no" }, name)));
  $("models").selectedIndex = at;
  $("models").parentElement.hidden = names.length < 2;
  $("adapters").replaceChildren(...rows);
  $("model-group").hidden = names.length < 2 && !rows.length;
}

function slider({ name, scale }) {
  const value = String(weight({ name, scale }));
  const field = element("input", { name: `adapter.${name}`, type: "range", max: 2, step: 0.05, value, "aria-label": name });
  return element("label", { class: "adapter", translate: "no" }, name, field, element("output", {}, value));
}

const content = ({ type }) => (type === "checkbox" ? "checked" : "value");

function take(field) {
  settings.set(field.name, field[content(field)]);
  mark(field);
}

function put(field, value) {
  settings.set(field.name, value);
  fill(field);
}

function fill(field) {
  field[content(field)] = settings.value[field.name] ?? "";
  mark(field);
}

/** Beside a slider, its number. */
function mark(field) {
  const { id, type, value, nextElementSibling: below } = field;
  if (!below) return;
  field.setCustomValidity("");
  try {
    if (value) (READERS[id] ?? readNumber)(value, id);
  } catch ({ message }) {
    field.setCustomValidity(message);
  }
  below.textContent = type === "range" ? value : field.validationMessage;
}
