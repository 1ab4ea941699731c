// What a person chose, and what a request says of it.

import { recall, remember } from "./kept.js";
import { hold, readSchema } from "./schema.js";
import { readTools } from "./tools.js";

const STORE = "lmfile.settings";

const number = (minimum, maximum) => ({ type: "number", minimum, maximum });
const integer = (minimum, maximum) => ({ type: "integer", minimum, maximum });

export const NUMBERS = {
  temperature: number(0, 100),
  max_tokens: integer(-1, 1 << 24),
  top_k: integer(-1, 1 << 24),
  top_p: number(0, 1),
  min_p: number(0, 1),
  repeat_penalty: number(0, 100),
  presence_penalty: number(-100, 100),
  seed: integer(-1, 2 ** 32 - 1),
};

export const settings = {
  /** {props, models, adapters}. */
  server: {},

  /** By field name in the panel. */
  value: { ...attempt(() => JSON.parse(recall(STORE))) },

  set(name, value) {
    this.value[name] = value;
    remember(STORE, JSON.stringify(this.value));
  },
};

/** Only what differs from the server's defaults. */
export function fields() {
  const { value } = settings;
  return {
    ...sampling(),
    ...(thinks() && value.reasoning && { chat_template_kwargs: { enable_thinking: value.reasoning === "on" } }),
    ...(value["schema.on"] && attempt(() => responseFormat(readSchema(value["schema.text"])))),
    ...(value["tools.on"] && attempt(() => ({ tools: readTools(value["tools.text"]) }))),
  };
}

/** For a raw completion, too. */
export function sampling() {
  const { model } = settings.value;
  const numbers = Object.keys(NUMBERS).map((name) => attempt(() => different(name)));
  return Object.assign({}, ...numbers, chats().indexOf(model) > 0 ? { model } : lora());
}

/** The main one first; adapters have a parent. */
export function chats() {
  const isChat = ({ role, parent, status }) => role === "chat" && !parent && status.value !== "failed";
  return (settings.server.models ?? []).filter(isChat).map(({ id }) => id);
}

export const thinks = () => /think|reasoning_effort/i.test(settings.server.props?.chat_template);

export const usual = (name) => settings.server.props?.default_generation_settings.params[name];

/** Throws like `hold`. */
export const readNumber = (text, name) => hold(Number(String(text).trim() || NaN), NUMBERS[name]);

export function weight({ name, scale }) {
  const own = parseFloat(settings.value[`adapter.${name}`]);
  return isNaN(own) ? scale : own;
}

/** All, if one is not the server's. */
function lora() {
  const rows = settings.server.adapters ?? [];
  const wanted = rows.map((row) => ({ name: row.name, scale: weight(row) }));
  return rows.some(({ scale }, at) => scale !== wanted[at].scale) && { lora: wanted.filter(({ scale }) => scale) };
}

function different(name) {
  const own = readNumber(settings.value[name], name);
  return own !== usual(name) && { [name]: own };
}

const responseFormat = (schema) => ({ response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } } });

/** Nothing where a text is wrong. */
function attempt(make) {
  try {
    return make();
  } catch {
    return {};
  }
}
