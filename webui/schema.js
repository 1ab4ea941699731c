// Holds JSON against a JSON schema: the keywords that the engine can keep an answer to; all others are passed over.

import { t } from "./i18n.js";

const MOST = { depth: 500, steps: 100_000, found: 20, text: 2_000, quoted: 60 };

const isDate = (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00Z`).toJSON()?.slice(0, 10) === text;
const isTime = (text) => /^([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/i.test(text);
const isIpv4 = (text) => /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/.test(text);

const FORMATS = {
  date: isDate,
  time: isTime,
  "date-time": (text) => isDate(text.slice(0, 10)) && /^t$/i.test(text[10]) && isTime(text.slice(11)),
  duration: (text) => /^P(?=.)(\d+W|(\d+Y)?(\d+M)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?)$/.test(text),
  email: (text) => /^[^\s@]+@[^\s@]+$/.test(text),
  hostname: (text) => text.length < 254 && /^[a-z\d]([a-z\d-]{0,61}[a-z\d])?(\.[a-z\d]([a-z\d-]{0,61}[a-z\d])?)*$/i.test(text),
  ipv4: isIpv4,
  ipv6: (text) => /^[\da-f:.]+$/i.test(text) && URL.canParse(`http://[${text}]`),
  uuid: (text) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text),
  uri: (text) => /^[a-z][a-z\d+.-]*:[^\s<>"{}|\\^`]*$/i.test(text),
};

/** By kind of value: whether it keeps to what a keyword says. */
const KEEPS = {
  any: {
    type: (value, wanted) => [wanted].flat().some((one) => one === kind(value) || (one === "integer" && Number.isInteger(value))),
    const: same,
    enum: (value, wanted) => wanted.some((one) => same(one, value)),
  },
  number: {
    minimum: (value, least) => value >= least,
    maximum: (value, most) => value <= most,
    exclusiveMinimum: (value, border) => value > border,
    exclusiveMaximum: (value, border) => value < border,
    multipleOf: (value, unit) => Math.abs(value / unit - Math.round(value / unit)) < 1e-9,
  },
  string: {
    minLength: (value, least) => [...value].length >= least,
    maxLength: (value, most) => [...value].length <= most,
    pattern: matches,
    format: (value, name) => !Object.hasOwn(FORMATS, name) || FORMATS[name](value),
  },
  array: {
    minItems: (value, least) => value.length >= least,
    maxItems: (value, most) => value.length <= most,
    uniqueItems: (value, wanted) => !wanted || new Set(value.map((one) => canonical(one))).size === value.length,
  },
  object: {
    minProperties: (value, least) => Object.keys(value).length >= least,
    maxProperties: (value, most) => Object.keys(value).length <= most,
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
  } catch (error) {
    return { ok: false, problems: [error.message] };
  }
}

/** Where `value` breaks `schema`: the first few as {path, message}; the value itself is at $. */
export function violations(schema, value) {
  const found = [];
  const walk = new Walk(schema);
  walk.visit(schema, value, (path, message) => found.length < MOST.found && found.push({ path, message }));
  if (walk.left <= 0) found.push({ path: "$", message: t("too much to check") });
  return found;
}

/** One walk over a value; `left` are the steps it may still take, below 0 nothing more is looked at. */
class Walk {
  constructor(root) {
    this.root = root;
    this.left = MOST.steps;
  }

  /** Call `tell(path, message)` for everything in which `value` breaks `schema`. */
  visit(schema, value, tell, path = "$", depth = 0) {
    if (depth > MOST.depth) this.left = 0;
    if (this.left-- <= 0) return;
    if (schema === false) tell(path, t("not allowed"));
    if (kind(schema) !== "object") return;
    const breaks = (keyword) => tell(path, t("breaks {0}", `${keyword}: ${quoted(schema[keyword])}`));
    for (const [keyword, keeps] of Object.entries({ ...KEEPS.any, ...KEEPS[kind(value)] })) {
      if (Object.hasOwn(schema, keyword) && !keeps(value, schema[keyword])) breaks(keyword);
    }
    const holds = (part) => this.holds(part, value, depth + 1);
    if (schema.anyOf && !schema.anyOf.some(holds)) breaks("anyOf");
    if (schema.oneOf && schema.oneOf.filter(holds).length !== 1) breaks("oneOf");
    if (schema.not !== undefined && holds(schema.not)) breaks("not");
    for (const part of [...(schema.allOf ?? []), ...("$ref" in schema ? [this.find(schema.$ref)] : [])]) {
      this.visit(part, value, tell, path, depth + 1);
    }
    for (const [name, part] of inside(schema, value)) {
      const at = typeof name === "number" ? `[${name}]` : /^\w+$/.test(name) ? `.${name}` : `[${quoted(name)}]`;
      this.visit(part, value[name], tell, path + at, depth + 1);
    }
  }

  holds(schema, value, depth) {
    let isBroken = false;
    this.visit(schema, value, () => (isBroken = true), "$", depth);
    return !isBroken;
  }

  /** What "#/…" leads to in the whole schema; where it leads nowhere, anything is right. */
  find(reference) {
    const names = decodeURIComponent(reference).split("/").slice(1).map((name) => name.replace(/~1/g, "/").replace(/~0/g, "~"));
    return names.reduce((part, name) => (part && Object.hasOwn(part, name) ? part[name] : true), this.root);
  }
}

/** Yield [name or number, schema] for every part of `value` that `schema` says something about. */
function* inside({ properties = {}, patternProperties = {}, additionalProperties, prefixItems, items, additionalItems }, value) {
  if (kind(value) === "array") {
    const tuple = prefixItems ?? (Array.isArray(items) ? items : []);
    const rest = Array.isArray(items) ? additionalItems : items;
    for (const index of value.keys()) yield [index, index < tuple.length ? tuple[index] : rest];
  } else if (kind(value) === "object") {
    for (const name of Object.keys(value)) {
      const named = Object.hasOwn(properties, name) ? [properties[name]] : [];
      const fitting = Object.entries(patternProperties).filter(([pattern]) => matches(name, pattern)).map(([, part]) => part);
      for (const part of named.length + fitting.length ? [...named, ...fitting] : [additionalProperties]) yield [name, part];
    }
  }
}

function matches(text, pattern) {
  try {
    return text.length > MOST.text || new RegExp(pattern, "u").test(text);
  } catch {
    return true; // The server knows another kind of pattern, or will refuse it.
  }
}

function kind(value) {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}

function same(one, other) {
  return canonical(one) === canonical(other);
}

function canonical(value, depth = 0) {
  if (value === null || typeof value !== "object" || depth > MOST.depth) return JSON.stringify(value) ?? "";
  const parts = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name], depth + 1)}`);
  return `${kind(value)}{${parts}}`;
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
