// Holds JSON against a JSON schema: the keywords below, and no others.

import { t } from "./i18n.js";

const MOST = { steps: 100_000, found: 20, quoted: 60 };
const ANY_OBJECT = { type: "object" };

const atLeast = (value, least) => size(value) >= least;
const atMost = (value, most) => size(value) <= most;

/** By kind of value. `holds`: it follows another schema. */
const RULES = {
  any: {
    type: (value, wanted) => [wanted].flat().some((one) => one === kind(value) || (one === "integer" && Number.isInteger(value))),
    const: (value, wanted) => canonical(value) === canonical(wanted),
    enum: (value, wanted) => wanted.map(canonical).includes(canonical(value)),
    anyOf: (value, schemas, holds) => schemas.some(holds),
    oneOf: (value, schemas, holds) => schemas.filter(holds).length === 1,
  },
  number: {
    minimum: atLeast, maximum: atMost,
    exclusiveMinimum: (value, border) => value > border,
    exclusiveMaximum: (value, border) => value < border,
  },
  string: {
    minLength: atLeast, maxLength: atMost,
    pattern: (text, pattern) => new RegExp(pattern, "u").test(text),
  },
  array: { minItems: atLeast, maxItems: atMost },
  object: { required: (value, names) => names.every((name) => Object.hasOwn(value, name)) },
};

export const read = (text, schema) => hold(JSON.parse(text), schema);

export const readSchema = (text) => (text?.trim() ? read(text, ANY_OBJECT) : ANY_OBJECT);

/** Returns `value`; an Error says in lines what is wrong. */
export function hold(value, root) {
  let steps = 0;
  const found = find(root, value, "");
  if (found.length) throw new Error(found.slice(0, MOST.found).join("\n"));
  return value;

  function find(schema, value, path) {
    if ((steps += 1) > MOST.steps) throw new Error(t("too much to check"));
    if (schema === false) return [`${path} ${t("Not allowed")}`];
    if (kind(schema) !== "object") return [];
    const rules = { ...RULES.any, ...RULES[kind(value)] };
    const holds = (part) => !find(part, value, path).length;
    const broken = Object.keys(schema).filter((name) => rules[name] && !rules[name](value, schema[name], holds));
    return [
      ...broken.map((name) => `${path} ${t("breaks {0}", `${name}: ${JSON.stringify(schema[name]).slice(0, MOST.quoted)}`)}`.trim()),
      ...[...(schema.allOf ?? []), target(root, schema.$ref)].flatMap((part) => find(part, value, path)),
      ...parts(schema, value).flatMap(([name, part]) => find(part, value[name], `${path}/${name}`)),
    ];
  }
}

/** For "#/…". */
const target = (root, reference) => reference?.split("/").slice(1).reduce((part, name) => part?.[name], root);

/** [name or index, schema] of each part. */
function parts({ properties = {}, additionalProperties, prefixItems = [], items }, value) {
  if (Array.isArray(value)) return value.map((_, index) => [index, prefixItems[index] ?? items]);
  if (kind(value) !== "object") return [];
  return Object.keys(value).map((name) => [name, Object.hasOwn(properties, name) ? properties[name] : additionalProperties]);
}

const size = (value) => (typeof value === "number" ? value : [...value].length);
const kind = (value) => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

/** One text for equal values. */
const canonical = (value) =>
  JSON.stringify(value, (_, part) => (kind(part) === "object" ? Object.fromEntries(Object.entries(part).sort()) : part));
