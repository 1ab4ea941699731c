// Holds JSON against a JSON schema: the keywords that the engine can keep an answer to; all others are passed over.

import { t } from "./i18n.js";

const MOST = { depth: 500, steps: 100_000, found: 20, text: 2_000, quoted: 60 };

const isDate = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00Z`).toJSON()?.startsWith(text);
const isTime = (text) => /^([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.test(text);
const FORMATS = {
  date: isDate,
  time: isTime,
  "date-time": (text) => isDate(text.slice(0, 10)) && text[10] === "T" && isTime(text.slice(11)),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  ipv4: (text) => /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/.test(text),
  uuid: (text) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text),
};

const least = (value, wanted) => size(value) >= wanted;
const most = (value, wanted) => size(value) <= wanted;

/** Whether a value keeps to what a keyword says; below, by kind of value. */
const ANY = {
  type: (value, wanted) => [wanted].flat().some((one) => one === kind(value) || (one === "integer" && Number.isInteger(value))),
  const: (value, wanted) => canonical(value) === canonical(wanted),
  enum: (value, wanted) => wanted.map(canonical).includes(canonical(value)),
};
const KEEPS = {
  number: {
    minimum: least, maximum: most,
    exclusiveMinimum: (value, border) => value > border,
    exclusiveMaximum: (value, border) => value < border,
    multipleOf: (value, unit) => Math.abs(value / unit - Math.round(value / unit)) < 1e-9,
  },
  string: {
    minLength: least, maxLength: most, pattern: matches,
    format: (value, name) => !Object.hasOwn(FORMATS, name) || FORMATS[name](value),
  },
  array: {
    minItems: least, maxItems: most,
    uniqueItems: (value, wanted) => !wanted || new Set(value.map(canonical)).size === value.length,
  },
  object: {
    minProperties: least, maxProperties: most,
    required: (value, names) => names.every((name) => Object.hasOwn(value, name)),
  },
};

/** The schema in a text. Throws an Error that says what is wrong with it. */
export function check(text) {
  const schema = parsed(text);
  if (kind(schema) !== "object") throw new Error(t("A schema is an object: {0}", "{…}"));
  return schema;
}

/** Whether an answer is JSON and follows the schema in a text, none meaning any object; `problems` says where not. */
export function verdict(schemaText, answerText) {
  try {
    const found = violations(schemaText.trim() ? check(schemaText) : { type: "object" }, parsed(answerText));
    return { ok: !found.length, problems: found.map(({ path, message }) => `${path}: ${message}`) };
  } catch ({ message }) {
    return { ok: false, problems: [message] };
  }
}

/** Where a value breaks the schema `root`: the first few as {path, message}; the value itself is at $. */
export function violations(root, value) {
  const found = [];
  let left = MOST.steps;
  visit(root, value, "$", 0, (path, message) => found.length < MOST.found && found.push({ path, message }));
  return left < 0 ? [...found, { path: "$", message: t("too much to check") }] : found;

  function visit(schema, value, path, depth, tell) {
    if (depth > MOST.depth) left = 0;
    if (left < 0 || left-- === 0) return;
    if (schema === false) tell(path, t("not allowed"));
    if (kind(schema) !== "object") return;
    const holds = (part) => {
      let isKept = true;
      visit(part, value, "", depth + 1, () => (isKept = false));
      return isKept;
    };
    for (const [keyword, keeps] of Object.entries({ ...ANY, ...KEEPS[kind(value)], ...combined(holds) })) {
      const wanted = schema[keyword];
      if (Object.hasOwn(schema, keyword) && !keeps(value, wanted)) tell(path, t("breaks {0}", `${keyword}: ${quoted(wanted)}`));
    }
    for (const part of schema.allOf ?? []) visit(part, value, path, depth + 1, tell);
    if (schema.$ref) visit(target(root, schema.$ref), value, path, depth + 1, tell);
    for (const [name, part] of parts(schema, value)) visit(part, value[name], `${path}/${name}`, depth + 1, tell);
  }
}

const combined = (holds) => ({
  anyOf: (_, all) => all.some(holds),
  oneOf: (_, all) => all.filter(holds).length === 1,
  not: (_, part) => !holds(part),
});

/** What "#/…" leads to; where that is nothing, everything is right. */
function target(root, reference) {
  const names = decodeURIComponent(reference).split("/").slice(1).map((name) => name.replace(/~1/g, "/").replace(/~0/g, "~"));
  return names.reduce((part, name) => (part && Object.hasOwn(part, name) ? part[name] : true), root);
}

/** [name or number, schema] of all parts of `value` that `schema` says something about. */
function parts({ properties = {}, patternProperties = {}, additionalProperties, prefixItems = [], items }, value) {
  if (kind(value) === "array") return value.map((_, index) => [index, prefixItems[index] ?? items]);
  if (kind(value) !== "object") return [];
  return Object.keys(value).flatMap((name) => {
    const fitting = Object.entries(patternProperties).filter(([pattern]) => matches(name, pattern)).map(([, part]) => part);
    if (Object.hasOwn(properties, name)) fitting.push(properties[name]);
    return (fitting.length ? fitting : [additionalProperties]).map((part) => [name, part]);
  });
}

/** A text that is too long, or a pattern that only the server knows, is as good as right. */
function matches(text, pattern) {
  try {
    return text.length > MOST.text || new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

function size(value) {
  if (typeof value === "number") return value;
  return typeof value === "string" ? [...value].length : Object.keys(value).length;
}

const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** The same text for what JSON schema calls equal. */
function canonical(value) {
  return JSON.stringify(value, (_, part) => (kind(part) === "object" ? Object.fromEntries(Object.entries(part).sort()) : part));
}

function quoted(value) {
  const text = JSON.stringify(value);
  return text.length > MOST.quoted ? `${text.slice(0, MOST.quoted)}…` : text;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch ({ message }) {
    throw new Error(t("Not JSON: {0}", message));
  }
}
