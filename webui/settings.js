// What a person chose, kept in this browser, and the fields of a request that come of it. Knows no page.

import { remember } from "./i18n.js";
import { readSchema } from "./schema.js";
import { readTools } from "./tools.js";

const STORE = "lmfile.settings";

const NONE = {
  sampling: {}, reasoning: "", schema: { on: false, text: "" }, tools: { on: false, text: "" }, model: "", adapters: {},
};

/** The numbers of a request: the least and the most that the server takes, and the step of their fields. */
export const NUMBERS = {
  temperature: [0, 100, 0.01],
  max_tokens: [-1, 1 << 24, 1],
  top_k: [-1, 1 << 24, 1],
  top_p: [0, 1, 0.01],
  min_p: [0, 1, 0.01],
  repeat_penalty: [0, 100, 0.01],
  presence_penalty: [-100, 100, 0.01],
  seed: [-1, 2 ** 32 - 1, 1],
};

const REASONING = {
  off: { reasoning_effort: "none" },
  on: { reasoning_effort: "high", chat_template_kwargs: { enable_thinking: true } },
};

export const settings = {
  /** What the server offers: {props, models, adapters}, as /props, /v1/models and /lora-adapters tell it. */
  server: {},

  value: fit(attempt(() => JSON.parse(localStorage.getItem(STORE))), NONE),

  /** Keep what `value` has become. */
  keep() {
    remember(STORE, JSON.stringify(this.value));
  },
};

/** The fields of a chat request that say something else than the server's defaults. */
export function fields() {
  const { schema, tools, reasoning } = settings.value;
  return {
    ...sampling(),
    ...(thinks() && REASONING[reasoning]),
    ...(schema.on && attempt(() => responseFormat(readSchema(schema.text)))),
    ...(tools.on && attempt(() => offer(readTools(tools.text)))),
  };
}

/** Those of them that a raw completion takes as well. */
export function sampling() {
  const { sampling: numbers, model } = settings.value;
  const usual = settings.server.props?.default_generation_settings.params ?? {};
  const isAsked = ([name, [least, most]]) => numbers[name] >= least && numbers[name] <= most && numbers[name] !== usual[name];
  return {
    ...Object.fromEntries(Object.entries(NUMBERS).filter(isAsked).map(([name]) => [name, numbers[name]])),
    ...(chats().indexOf(model) > 0 ? { model } : lora()),
  };
}

/** The names of the models that can chat, the main one first; adapters, which have a parent, are no models. */
export function chats() {
  const isChat = ({ role, parent, status }) => role === "chat" && !parent && status.value !== "failed";
  return (settings.server.models ?? []).filter(isChat).map(({ id }) => id);
}

/** Whether the model can be told how to think; its template shows it. */
export function thinks() {
  return /think|reasoning_effort/i.test(settings.server.props?.chat_template);
}

/** All adapters that have a weight, if one has another than the server's; those that are gone are not named. */
function lora() {
  const { adapters = [] } = settings.server;
  const weighted = adapters.map(({ name, scale }) => ({ name, scale: settings.value.adapters[name] ?? scale }));
  return adapters.some(({ scale }, at) => scale !== weighted[at].scale) && { lora: weighted.filter(({ scale }) => scale) };
}

function responseFormat(schema) {
  return { response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } } };
}

function offer(tools) {
  return tools.length && { tools: tools.map((tool) => ({ type: "function", function: tool })) };
}

/** What `make` returns; nothing where storage is switched off, or a text is not what it should be, as the panel says. */
function attempt(make) {
  try {
    return make();
  } catch {
    return {};
  }
}

/** `given` in the form of `none`, from where comes what is of another kind; an empty object has numbers of any names. */
function fit(given, none) {
  if (given?.constructor !== none.constructor) return structuredClone(none);
  if (none.constructor !== Object) return given;
  const names = Object.keys(none);
  const kept = names.length ? names.map((name) => [name, fit(given[name], none[name])]) : Object.entries(given).filter(([, one]) => Number.isFinite(one));
  return Object.fromEntries(kept);
}
