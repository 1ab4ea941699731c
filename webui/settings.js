// What a person chose, kept in this browser, and the fields of a request that come of it. Knows no page.

import { check } from "./schema.js";
import { isTool } from "./tools.js";

const STORE = "lmfile.settings";
const MOST = { text: 65_536, stops: 16, stop: 256, tools: 128, scale: 100 };
const WAYS = ["off", "on", "low", "medium", "high"];

const object = (given) => (given && typeof given === "object" && !Array.isArray(given) ? given : {});
const list = (given) => (Array.isArray(given) ? given : []);
const text = (given) => (typeof given === "string" ? given.slice(0, MOST.text) : "");
const pick = (given, keep) => Object.fromEntries(Object.entries(given).filter(([name, value]) => keep(value, name)));

/** The numbers of a request: the least, the most (both the server's) and the step of their fields; a step of 1 means whole. */
export const NUMBERS = {
  temperature: [0, 100, 0.1],
  top_k: [0, 1 << 24, 1],
  top_p: [0, 1, 0.05],
  min_p: [0, 1, 0.01],
  repeat_penalty: [0, 100, 0.05],
  presence_penalty: [-100, 100, 0.1],
  frequency_penalty: [-100, 100, 0.1],
  seed: [-1, 2 ** 32 - 1, 1],
  max_tokens: [1, 1 << 24, 1],
};

/** Sampling by name; what a preset does not name is as the server has it. */
export const PRESETS = {
  Precise: { temperature: 0.2, top_p: 0.9 },
  Balanced: {},
  Creative: { temperature: 1.1, top_k: 0, top_p: 1, min_p: 0.05 },
  Exact: { temperature: 0 },
};

/** Whether the server takes `number` for the field `name`. */
export function isValid(name, number) {
  const [least, most, step] = NUMBERS[name];
  return Number.isFinite(number) && number >= least && number <= most && (step < 1 || Number.isInteger(number));
}

/** How the model's template can be told to think, from /props; empty where it does not think. */
export function ways({ chat_template: template = "", chat_template_caps: caps = {} } = {}) {
  return [...(/think/i.test(template) ? WAYS.slice(0, 2) : []), ...(caps.supports_reasoning_effort ? WAYS.slice(2) : [])];
}

export class Settings {
  /** storage: a Storage, or null where the browser has none for us: then all of it holds until the page is closed. */
  constructor(storage) {
    this.storage = storage;
    this.listeners = [];
    /** What there is to choose from: {props, models: rows of /v1/models, adapters: rows of /lora-adapters}. */
    this.server = {};
    this.value = clean(stored(storage));
  }

  /** Set "model", or a part such as "sampling.top_k"; undefined removes it, and what is not valid is left out. */
  set(path, value) {
    const [, name, part] = /^(\w+)(?:\.([^]+))?$/.exec(path);
    this.value = clean({ ...this.value, [name]: part ? { ...this.value[name], [part]: value } : value });
    try {
      this.storage?.setItem(STORE, JSON.stringify(this.value));
    } catch {
      // Storage is full or switched off: it holds until the page is closed.
    }
    for (const listener of this.listeners) listener(this.value);
  }

  /** Call `listener(value)` after each change. */
  changed(listener) {
    this.listeners.push(listener);
  }
}

/** The settings of this page. */
export const settings = new Settings(local());

/** The fields of a chat request that say something else than the server's defaults. */
export function fields(value = settings.value, server = settings.server) {
  const { schema, tools } = value;
  const format = schema.on && responseFormat(schema.text);
  return {
    ...sampling(value, server),
    ...thinking(value.reasoning, server.props),
    ...(format && { response_format: format }),
    ...(tools.on && tools.list.length && { tools: tools.list.map((tool) => ({ type: "function", function: tool })) }),
  };
}

/** Those of them that a raw completion takes as well: how to sample, with which model and adapters. */
export function sampling(value = settings.value, server = settings.server) {
  const defaults = server.props?.default_generation_settings?.params ?? {};
  const model = chats(server.models).findIndex(({ id }) => id === value.model);
  return {
    ...pick(value.sampling, (number, name) => number !== defaults[name]),
    ...(value.stop.length && { stop: value.stop }),
    ...(model > 0 ? { model: value.model } : lora(value.adapters, server.adapters)),
  };
}

/** The rows of /v1/models that can chat, the main model first; an adapter has a row there too. */
export function chats(models = []) {
  return models.filter(({ role, parent, status }) => role === "chat" && !parent && status?.value !== "failed");
}

/** All adapters with their weights, if one has another than the server's; those that are gone are not named. */
function lora(chosen, adapters = []) {
  const weighted = adapters.map(({ name, scale }) => ({ name, scale: chosen[name] ?? scale }));
  const differs = weighted.some(({ scale }, at) => scale !== adapters[at].scale);
  return differs && { lora: weighted.filter(({ scale }) => scale) };
}

function thinking(way, props) {
  if (!ways(props).includes(way)) return {};
  if (way === "on") return { chat_template_kwargs: { enable_thinking: true } };
  return { reasoning_effort: way === "off" ? "none" : way };
}

function responseFormat(text) {
  if (!text.trim()) return { type: "json_object" };
  try {
    return { type: "json_schema", json_schema: { name: "answer", schema: check(text), strict: true } };
  } catch {
    return null; // The panel says what is wrong with it.
  }
}

/** What of `given`, from storage or a field, is a setting; the rest is as if nothing had been chosen. */
function clean(given) {
  const { system, sampling, stop, schema, tools, adapters, model, reasoning } = object(given);
  return {
    system: typeof system === "string" ? text(system) : null,
    sampling: pick(object(sampling), (number, name) => Object.hasOwn(NUMBERS, name) && isValid(name, number)),
    stop: list(stop).filter((word) => text(word) && word.length <= MOST.stop).slice(0, MOST.stops),
    schema: { on: object(schema).on === true, text: text(object(schema).text) },
    tools: { on: object(tools).on === true, list: list(object(tools).list).filter(isTool).slice(0, MOST.tools) },
    adapters: pick(object(adapters), (scale) => Number.isFinite(scale) && Math.abs(scale) <= MOST.scale),
    model: text(model),
    reasoning: WAYS.includes(reasoning) ? reasoning : "",
  };
}

function stored(storage) {
  try {
    return JSON.parse(storage.getItem(STORE));
  } catch {
    return null; // Not ours, or none.
  }
}

function local() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // The browser keeps nothing for this page.
  }
}
