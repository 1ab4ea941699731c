// The column of settings: a field with a name is the setting of that name, and below it stands what is wrong with it.

import { offer } from "./adapters.js";
import { choice, setLanguage, t } from "./i18n.js";
import { check } from "./schema.js";
import { NUMBERS, settings, ways } from "./settings.js";
import { setTheme, theme } from "./theme.js";
import { isTool } from "./tools.js";
import { $, button, element, on } from "./view.js";
import { LANGUAGES } from "./words.js";

const UNSET = { temperature: undefined, top_k: undefined, top_p: undefined, min_p: undefined }; // as the server has it
const PRESETS = {
  balanced: UNSET,
  precise: { ...UNSET, temperature: 0.2, top_p: 0.9 },
  creative: { temperature: 1.1, top_k: 0, top_p: 1, min_p: 0.05 },
  exact: { ...UNSET, temperature: 0 },
};
const PERSON = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } }, required: ["name", "age"] };
const EXAMPLES = {
  "{name, age}": PERSON,
  "[{name, age}, …]": { type: "array", items: PERSON, maxItems: 10 },
  "yes | no": { enum: ["yes", "no"] },
};
const NEW_TOOL = { name: "", description: "", parameters: { type: "object", properties: {} } };

let places = 0; // where something was said about a field

const pretty = (value) => JSON.stringify(value, null, 2);

export class Panel {
  /** conversation: returns the open one; changed: called when its system prompt is another. */
  constructor({ conversation, changed }) {
    Object.assign(this, { conversation, changed });
    $("numbers").append(...Object.keys(NUMBERS).map(numberField));
    $("example").append(...Object.keys(EXAMPLES).map((name) => element("option", { translate: "no" }, name)));
    for (const [value, name] of Object.entries(LANGUAGES)) {
      $("language").append(element("option", { value, lang: value, translate: "no" }, name));
    }
    $("tools").append(...settings.value.tools.list.map(toolFields));
    show();
    on("panel", "input", ({ target }) => take(target), ({ target }) => target.name);
    on("panel", "focusin", showAppearance); // a shortcut may have changed the theme
    on("close-panel", "click", () => $("open-settings").click());
    on("system", "input", () => this.say($("system").value));
    on("system-reset", "click", () => this.say(this.usual));
    on("preset", "input", () => sample({ ...settings.value.sampling, ...PRESETS[$("preset").value] }));
    on("sampling-reset", "click", () => sample({}, "", ""));
    on("example", "input", () => {
      $("schema").value = pretty(EXAMPLES[$("example").value]) ?? "";
      take($("schema"));
    });
    on("tools", "input", takeTools);
    on("tool-add", "click", addTool);
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
    const { props } = settings.server;
    for (const name of Object.keys(NUMBERS)) {
      const usual = props?.default_generation_settings.params[name] ?? "";
      $(name).placeholder = name === "max_tokens" && usual < 0 ? "∞" : usual;
    }
    for (const option of $("reasoning").options) option.hidden = option.disabled = !["", ...ways(props)].includes(option.value);
    $("thinking").hidden = !ways(props).length;
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

function show() {
  for (const field of $("panel").querySelectorAll("[name]")) {
    const value = field.name.split(".").reduce((part, name) => part[name], settings.value) ?? "";
    if (field.type === "checkbox") field.checked = value;
    else field.value = value;
    mark(field);
  }
  offer();
  showChoices();
  showAppearance();
}

function take(field) {
  const value = field.type === "checkbox" ? field.checked : field.value;
  settings.set(field.name, field.type === "number" ? Number(value || NaN) : value);
  mark(field);
  showChoices();
}

/** Say below a field what is wrong with it, "" for nothing, if it has a place for that. */
function mark(field, problem = problemOf(field)) {
  const place = field.parentElement.nextElementSibling;
  if (place?.className !== "problem") return;
  place.textContent = problem;
  place.id ||= `problem-${(places += 1)}`;
  field.setAttribute("aria-describedby", place.id);
  field.setAttribute("aria-invalid", String(Boolean(problem)));
}

function problemOf({ type, value, validity, min, max, step }) {
  if (type === "number") {
    const isWrong = validity.badInput || validity.rangeUnderflow || validity.rangeOverflow;
    if (step === "1") return isWrong || validity.stepMismatch ? t("A whole number from {0} to {1}", min, max) : "";
    return isWrong ? t("A number from {0} to {1}", min, max) : "";
  }
  try {
    return value.trim() && check(value) && "";
  } catch ({ message }) {
    return message;
  }
}

/** A labelled field, and a place for what is wrong with it. */
function labelled(words, field, value = "") {
  field.value = value;
  return [element("label", {}, words, field), element("p", { class: "problem", "aria-live": "polite" })];
}

function numberField(name) {
  const [min, max, step] = NUMBERS[name];
  const words = { temperature: t("Temperature (low: predictable, high: surprising)"), max_tokens: t("Longest answer, in tokens") };
  const field = element("input", { id: name, name: `sampling.${name}`, type: "number", min, max, step });
  return element("div", {}, ...labelled(words[name] ?? name, field));
}

function sample(sampling, stop = settings.value.stop, reasoning = settings.value.reasoning) {
  for (const [name, value] of Object.entries({ sampling, stop, reasoning })) settings.set(name, value);
  show();
}

/** Show which preset the numbers are, and offer examples as long as none of a person's own schema is lost by it. */
function showChoices() {
  const { sampling, schema } = settings.value;
  const fits = ([, preset]) => Object.keys(UNSET).every((name) => preset[name] === sampling[name]);
  $("preset").value = Object.entries(PRESETS).find(fits)?.[0] ?? "own";
  $("example").disabled = ![undefined, ...Object.values(EXAMPLES)].some((one) => (pretty(one) ?? "") === schema.text.trim());
}

function toolFields({ name, description, parameters }) {
  const row = element(
    "details", {},
    element("summary", {}, element("code", { translate: "no" }, name || "?")),
    ...labelled(t("Name"), element("input"), name),
    ...labelled(t("Description"), element("textarea", { rows: "2" }), description),
    ...labelled(t("Parameters, as JSON schema"), element("textarea", { rows: "5", class: "json" }), pretty(parameters)),
    button(t("Remove"), () => {
      row.remove();
      takeTools();
      $("tool-add").focus();
    }),
  );
  return row;
}

function addTool() {
  const row = $("tools").appendChild(toolFields(NEW_TOOL));
  row.open = true;
  row.querySelector("input").focus();
}

/** Keep the functions that are right, and say what is wrong with the others. */
function takeTools() {
  const list = [];
  for (const row of $("tools").children) {
    const [name, description, parameters] = row.querySelectorAll("input, textarea");
    const problem = problemOf(parameters);
    const schema = problem ? {} : check(parameters.value.trim() || "{}");
    const tool = { name: name.value.trim(), description: description.value.trim(), parameters: schema };
    const isNamed = isTool(tool) && list.every((other) => other.name !== tool.name);
    row.querySelector("code").textContent = tool.name || "?";
    mark(name, isNamed ? "" : t("1 to 64 letters, digits, _ or -, as no other is called"));
    mark(parameters);
    if (isNamed && !problem) list.push(tool);
  }
  settings.set("tools.list", list);
}

function showAppearance() {
  [$("language").value, $("theme").value] = [choice(), theme()];
}
