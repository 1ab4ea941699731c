// What a person chose, kept in this browser, and the fields of a request that come of it. Knows no page.

import { check } from "./schema.js";
import { isTool } from "./tools.js";

const STORE = "lmfile.settings";

/** The numbers of a request: the least and the most that the server takes, and the step of their fields; 1 means whole. */
export const NUMBERS = {
  temperature: [0, 100, 0.1],
  max_tokens: [1, 1 << 24, 1],
  top_k: [0, 1 << 24, 1],
  top_p: [0, 1, 0.05],
  min_p: [0, 1, 0.01],
  repeat_penalty: [0, 100, 0.05],
  presence_penalty: [-100, 100, 0.1],
  frequency_penalty: [-100, 100, 0.1],
  seed: [-1, 2 ** 32 - 1, 1],
};

const object = (given) => (given && typeof given === "object" && !Array.isArray(given) ? given : {});
const list = (given) => (Array.isArray(given) ? given : []);
const text = (given) => (typeof given === "string" ? given : "");
const pick = (given, keep) => Object.fromEntries(Object.entries(object(given)).filter(([name, value]) => keep(value, name)));

/** What of `given`, from storage or a field, is a setting; the rest is as if nothing had been chosen. */
function clean({ sampling, stop, schema, tools, adapters, model, reasoning }) {
  return {
    sampling: pick(sampling, (number, name) => isValid(name, number)),
    stop: text(stop), // a word in each line
    schema: { on: object(schema).on === true, text: text(object(schema).text) },
    tools: { on: object(tools).on === true, list: list(object(tools).list).filter(isTool).slice(0, 128) },
    adapters: pick(adapters, (scale) => Number.isFinite(scale) && Math.abs(scale) <= 100),
    model: text(model),
    reasoning: text(reasoning),
  };
}

/** Whether the server takes `number` for the field `name`. */
export function isValid(name, number) {
  const [least, most, step] = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : [1, 0];
  return number >= least && number <= most && (step === 1 ? Number.isInteger(number) : Number.isFinite(number));
}

class Settings {
  listeners = [];
  /** What the server offers: {props, models, adapters}, as /props, /v1/models and /lora-adapters tell it. */
  server = {};
  value = clean(object(stored()));

  /** Set "model", or a part such as "sampling.top_k"; undefined removes it, and what is not valid is left out. */
  set(path, value) {
    const [, name, part] = /^(\w+)(?:\.([^]+))?$/.exec(path);
    this.value = clean({ ...this.value, [name]: part ? { ...this.value[name], [part]: value } : value });
    try {
      localStorage.setItem(STORE, JSON.stringify(this.value));
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

function stored() {
  try {
    return JSON.parse(localStorage.getItem(STORE));
  } catch {
    return null; // Not ours, or none.
  }
}

export const settings = new Settings();

/** The fields of a chat request that say something else than the server's defaults. */
export function fields(value = settings.value, server = settings.server) {
  const { schema, tools, reasoning } = value;
  return {
    ...sampling(value, server),
    ...thinking(reasoning, server.props),
    ...(schema.on && responseFormat(schema.text)),
    ...(tools.on && tools.list.length && { tools: tools.list.map((tool) => ({ type: "function", function: tool })) }),
  };
}

/** Those of them that a raw completion takes as well. */
export function sampling({ sampling: numbers, stop, adapters, model } = settings.value, server = settings.server) {
  const { params = {} } = server.props?.default_generation_settings ?? {};
  const isOther = chats(server.models).findIndex(({ id }) => id === model) > 0;
  return {
    ...pick(numbers, (number, name) => number !== params[name]),
    ...(stop.trim() && { stop: words(stop) }),
    ...(isOther ? { model } : lora(adapters, server.adapters)),
  };
}

/** The rows of models that can chat, the main one first; the adapters among the rows are not models. */
export function chats(rows = []) {
  return rows.filter(({ role, parent, status }) => role === "chat" && !parent && status?.value !== "failed");
}

/** How the model can be told to think; its template says whether it does. */
export function ways(props) {
  const efforts = props?.chat_template_caps?.supports_reasoning_effort ? ["low", "medium", "high"] : [];
  return /think/i.test(props?.chat_template) ? ["off", "on", ...efforts] : efforts;
}

function thinking(way, props) {
  if (!ways(props).includes(way)) return {};
  return way === "on" ? { chat_template_kwargs: { enable_thinking: true } } : { reasoning_effort: way === "off" ? "none" : way };
}

/** All adapters with their weights, if one has another than the server's; those that are gone are not named. */
function lora(chosen, rows = []) {
  if (!rows.some(({ name, scale }) => (chosen[name] ?? scale) !== scale)) return {};
  return { lora: rows.map(({ name, scale }) => ({ name, scale: chosen[name] ?? scale })).filter(({ scale }) => scale) };
}

/** Lines as stop words, as many as the server takes; \n in one stands for a line break. */
function words(lines) {
  const found = lines.split("\n").map((line) => line.replaceAll("\\n", "\n")).filter(Boolean);
  return found.filter((word) => word.length <= 256).slice(0, 16);
}

/** What is no schema is left out; the panel says why. */
function responseFormat(source) {
  if (!source.trim()) return { response_format: { type: "json_object" } };
  try {
    return { response_format: { type: "json_schema", json_schema: { name: "answer", schema: check(source), strict: true } } };
  } catch {
    return {};
  }
}
