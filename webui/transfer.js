// Conversations as files: JSON with everything, Markdown for people; what comes in is checked to the last field.

import { t } from "./i18n.js";
import { add, create, newId, path, title } from "./tree.js";

const FORMAT = "lmfile-conversations";
const VERSION = 1;
const MOST_MB = 64;
const SECTION = /\n{0,2}^## (System|User|Assistant|Tool|Notebook)$\n{0,2}/m;
const NOTES = /^(?:- (?:Attached|Call): .*\n?)+\n?/;
// Where a text would be taken for our own lines.
const OURS = /^(?=\\*(?:## (?:System|User|Assistant|Tool|Notebook)$|- (?:Attached|Call): ))/gm;
const ESCAPED = new RegExp(`^\\\\${OURS.source.slice(1)}`, "gm");

export const toJson = (conversations) => JSON.stringify({ format: FORMAT, version: VERSION, conversations });

/** The branch that is shown, a section for each turn; a line of a text that looks like ours gets a backslash. */
export function toMarkdown(conversation) {
  const { system, text, mode } = conversation;
  const turns = mode === "notebook" ? [{ role: mode, content: text }] : path(conversation);
  if (system !== null) turns.unshift({ role: "system", content: system });
  return [`# ${oneLine(conversation.title || title(conversation))}\n`, ...turns.map(section)].join("");
}

function section({ role, content, files = [], calls = [] }) {
  const notes = [...files.map(({ name }) => `Attached: ${name}`), ...calls.map((call) => `Call: ${call.name}(${call.arguments})`)];
  const listed = notes.map((note) => `- ${oneLine(note)}\n`).join("");
  return `\n## ${role[0].toUpperCase()}${role.slice(1)}\n\n${listed && `${listed}\n`}${content.replace(OURS, "\\")}\n`;
}

const oneLine = (text) => text.replace(/\s+/g, " ");

/** The conversations in a File, with new ids. Throws an Error that says what is wrong with it. */
export async function fromFile(file) {
  if (file.size > MOST_MB * 1e6) throw new Error(t("It is larger than {0} MB.", MOST_MB));
  const text = await file.text();
  if (text.startsWith("# ") && SECTION.test(text)) return [fromMarkdown(text)];
  const { format, version, conversations } = parsed(text);
  if (format !== FORMAT) throw new Error(t("It is not an export of conversations."));
  if (version !== VERSION) throw new Error(t("It was exported by another version."));
  return checked(conversations, ["object"], "conversations").map(whole);
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function fromMarkdown(text) {
  const lines = /(?<!\r)\n/.test(text) ? text : text.replaceAll("\r\n", "\n");
  const [head, ...parts] = lines.replace(/\n$/, "").split(SECTION);
  const conversation = { ...create(), title: head.slice(2).trim() };
  const pending = []; // calls whose results come next
  for (let at = 0; at < parts.length; at += 2) {
    const role = parts[at].toLowerCase();
    const [notes] = NOTES.exec(parts[at + 1]) ?? [""];
    const content = parts[at + 1].slice(notes.length).replace(ESCAPED, "");
    const calls = [...notes.matchAll(/^- Call: ([^(\n]*)\((.*)\)$/gm)].map(([, name, given]) => ({ id: newId(), name, arguments: given }));
    if (role === "system") conversation.system = content;
    else if (role === "notebook") Object.assign(conversation, { mode: role, text: content });
    else if (role === "tool") add(conversation, conversation.leaf, { role, content, call: pending.shift()?.id });
    else add(conversation, conversation.leaf, { role, content, ...(calls.length && { calls }) });
    pending.push(...calls);
  }
  return whole(conversation);
}

// How each field is read: by its type or a pattern, [what is in the list], or its own fields; those with "?" may be missing.
const TEXT = "string";
const NUMBER = "number";
const CALL = { id: TEXT, name: TEXT, arguments: TEXT };
const FILE = { name: TEXT, type: TEXT, "text?": TEXT, "url?": /^data:image\/(png|jpeg|webp|gif|bmp);base64,/, "tokens?": NUMBER };
const FIGURES = { "total_tokens?": NUMBER, "predicted_per_second?": NUMBER, "prompt_per_second?": NUMBER, "cache_n?": NUMBER };
const NODE = {
  "parent?": TEXT, role: /^(user|assistant|tool)$/, content: TEXT, "thought?": TEXT, "calls?": [CALL], "call?": TEXT, "files?": [FILE],
  "figures?": FIGURES, "problem?": TEXT, "model?": TEXT, "schema?": TEXT, "finish?": TEXT, at: NUMBER,
};
const CONVERSATION = {
  title: TEXT, created: NUMBER, changed: NUMBER, mode: /^(chat|notebook)$/, "system?": TEXT, text: TEXT, nodes: "object", "leaf?": TEXT,
};

/** What is known of `value`. Throws an Error with the name of a field that is wrong. */
function checked(value, type, name) {
  if (type instanceof RegExp ? typeof value === TEXT && type.test(value) : typeof value === type) return value;
  if (Array.isArray(type) && Array.isArray(value)) return value.map((one) => checked(one, type[0], name));
  if (type.constructor !== Object || value?.constructor !== Object) damaged(name);
  const fields = Object.entries(type).map(([field, inner]) => [field.replace("?", ""), inner, field.endsWith("?")]);
  const present = fields.filter(([key, , isOptional]) => !isOptional || (value[key] ?? null) !== null);
  return Object.fromEntries(present.map(([key, inner]) => [key, checked(value[key], inner, key)]));
}

function damaged(name) {
  throw new Error(t("It is damaged: {0}", name));
}

/** A conversation with new ids, in which every turn hangs below one that is there, and every result below its call. */
function whole(value) {
  const { nodes: given, leaf, ...conversation } = checked(value, CONVERSATION, "conversations");
  const all = Object.entries(given ?? {}).map(([old, node]) => ({ ...checked(node, NODE, "nodes"), old }));
  const below = Map.groupBy(all, ({ parent }) => parent);
  const now = Date.now();
  const met = new Map([[undefined, { id: null, at: 0 }]]); // by their old ids; grows while it is walked, from the top down
  const calls = new Map();
  for (const [above, parent] of met) {
    for (const { old, ...node } of below.get(above) ?? []) {
      met.set(old, { ...node, id: newId(), parent: parent.id, at: Math.max(Math.min(node.at, now), parent.at + 1) });
      calls.set(old, node.role === "tool" ? calls.get(above) : new Set(node.calls?.map(({ id }) => id)));
      if (node.role === "tool" && !calls.get(old)?.has(node.call)) damaged("call");
    }
  }
  if (met.size <= all.length) damaged("parent"); // what hangs below itself, or nowhere, was not met
  const last = met.get(leaf) ?? damaged("leaf");
  const nodes = Object.fromEntries([...met.values()].slice(1).map((node) => [node.id, node]));
  return { system: null, ...conversation, id: newId(), changed: Math.min(Math.abs(conversation.changed), now), nodes, leaf: last.id };
}
