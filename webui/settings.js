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

const object = (given) => (given?.constructor === Object ? given : {});
const text = (given) => (typeof given === "string" ? given : "");
const pick = (given, keep) => Object.fromEntries(Object.entries(object(given)).filter(([name, value]) => keep(value, name)));

export const settings = {
  /** What the server offers: {props, models, adapters}, as /props, /v1/models and /lora-adapters tell it. */
  server: {},

  value: clean(stored()),

  /** Set "model", or a part such as "sampling.top_k"; what is not valid is left out. */
  set(path, value) {
    const [, name, part] = /^(\w+)(?:\.(.+))?$/.exec(path);
    this.value = clean({ ...this.value, [name]: part ? { ...this.value[name], [part]: value } : value });
    try {
      localStorage.setItem(STORE, JSON.stringify(this.value));
    } catch {
      // Storage is full or switched off: it holds until the page is closed.
    }
  },
};

/** The fields of a chat request that say something else than the server's defaults. */
export function fields(value = settings.value, server = settings.server) {
  const { schema, tools, reasoning } = value;
  return {
    ...sampling(value, server),
    ...(ways(server.props).includes(reasoning) && thinking(reasoning)),
    ...(schema.on && responseFormat(schema.text)),
    ...(tools.on && tools.list.length && { tools: tools.list.map((tool) => ({ type: "function", function: tool })) }),
  };
}

/** Those of them that a raw completion takes as well. */
export function sampling({ sampling: numbers, stop, adapters, model } = settings.value, server = settings.server) {
  const defaults = server.props?.default_generation_settings.params ?? {};
  const words = stop.split("\n").filter(Boolean).map((word) => word.replaceAll("\\n", "\n"));
  const isOther = chats(server.models).findIndex(({ id }) => id === model) > 0;
  return {
    ...pick(numbers, (number, name) => number !== defaults[name]),
    ...(words.length && { stop: words }),
    ...(isOther ? { model } : lora(adapters, server.adapters)),
  };
}

/** The rows of models that can chat, the main one first; the adapters among the rows are not models. */
export function chats(rows = []) {
  return rows.filter(({ role, parent, status }) => role === "chat" && !parent && status.value !== "failed");
}

/** How the model can be told to think; its template says whether it does. */
export function ways(props) {
  const efforts = props?.chat_template_caps?.supports_reasoning_effort ? ["low", "medium", "high"] : [];
  return /think/i.test(props?.chat_template) ? ["off", "on", ...efforts] : efforts;
}

function thinking(way) {
  return way === "on" ? { chat_template_kwargs: { enable_thinking: true } } : { reasoning_effort: way === "off" ? "none" : way };
}

/** All adapters with their weights, if one has another than the server's; those that are gone are not named. */
function lora(chosen, rows = []) {
  const weighted = rows.map(({ name, scale }) => ({ name, scale: chosen[name] ?? scale }));
  return rows.some(({ scale }, at) => scale !== weighted[at].scale) && { lora: weighted.filter(({ scale }) => scale) };
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

function stored() {
  try {
    return object(JSON.parse(localStorage.getItem(STORE)));
  } catch {
    return {}; // Not ours, or the browser keeps nothing for this page.
  }
}

/** What of `given`, from storage or a field, is a setting; the rest is as if nothing had been chosen. */
function clean({ sampling, stop, schema, tools, adapters, model, reasoning }) {
  const { list } = object(tools);
  return {
    sampling: pick(sampling, (number, name) => isRight(number, Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : [])),
    stop: text(stop), // a word in each line
    schema: { on: object(schema).on === true, text: text(object(schema).text) },
    tools: { on: object(tools).on === true, list: Array.isArray(list) ? list.filter(isTool) : [] },
    adapters: pick(adapters, (scale) => isRight(scale, [-100, 100])),
    model: text(model),
    reasoning: text(reasoning),
  };
}

function isRight(number, [least, most, step]) {
  return (step === 1 ? Number.isInteger(number) : Number.isFinite(number)) && number >= least && number <= most;
}
