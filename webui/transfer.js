// Conversations as files: JSON with everything, Markdown for people; what comes in is checked to the last field.

import { t } from "./i18n.js";
import { add, create, newId, path, title } from "./tree.js";

const FORMAT = "lmfile-conversations";
const VERSION = 1;
const MOST_MB = 64;
const SECTION = /\n{0,2}^## (System|User|Assistant|Tool|Notebook)$\n{0,2}/m;
const NOTES = /^(?:- (?:Attached|Call): .*\n?)+\n?/;
const OURS = /^(?=\\*(?:## (?:System|User|Assistant|Tool|Notebook)$|- (?:Attached|Call): ))/gm; // where a text would be taken for our own lines
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
  return checked(conversations, [object], "conversations").map(whole);
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
    const calls = [...notes.matchAll(/^- Call: (.*?)\((.*)\)$/gm)].map(([, name, given]) => ({ id: newId(), name, arguments: given }));
    if (role === "system") conversation.system = content;
    else if (role === "notebook") Object.assign(conversation, { mode: role, text: content });
    else add(conversation, conversation.leaf, { role, content, ...(calls.length && { calls }), ...(role === "tool" && { call: pending.shift()?.id }) });
    pending.push(...calls);
  }
  return whole(conversation);
}

const text = (value) => typeof value === "string";
const number = (value) => Number.isFinite(value) && value >= 0 && value < 9e15;
const object = (value) => value?.constructor === Object;
const like = (pattern) => (value) => text(value) && pattern.test(value);

// How each field is read: by what it must be, [what is in the list], or its own fields; those with "?" may be missing.
const CALL = { id: text, name: text, arguments: text };
const FILE = { name: text, type: text, "text?": text, "url?": like(/^data:image\/(png|jpeg|webp|gif|bmp);base64,/), "tokens?": number };
const FIGURES = { "total_tokens?": number, "predicted_per_second?": number, "prompt_per_second?": number, "cache_n?": number };
const NODE = {
  "parent?": text, role: like(/^(user|assistant|tool)$/), content: text, "thought?": text, "calls?": [CALL], "call?": text, "files?": [FILE],
  "figures?": FIGURES, "problem?": text, "model?": text, "schema?": text, "finish?": text, at: number,
};
const CONVERSATION = {
  title: text, created: number, changed: number, mode: like(/^(chat|notebook)$/), "system?": text, text, nodes: object, "leaf?": text,
};

/** What is known of `value`. Throws an Error with the name of a field that is wrong. */
function checked(value, type, name) {
  if (typeof type === "function") return type(value) ? value : damaged(name);
  if (Array.isArray(type)) return Array.isArray(value) ? value.map((one) => checked(one, type[0], name)) : damaged(name);
  if (!object(value)) damaged(name);
  const found = {};
  for (const [field, inner] of Object.entries(type)) {
    const key = field.replace("?", "");
    if (key === field || (value[key] ?? null) !== null) found[key] = checked(value[key], inner, key);
  }
  return found;
}

function damaged(name) {
  throw new Error(t("It is damaged: {0}", name));
}

/** A conversation with new ids, in which every turn hangs below one that is there, and every result below its call. */
function whole(value) {
  const { nodes: given, leaf = null, ...conversation } = checked(value, CONVERSATION, "conversations");
  const all = Object.entries(given).map(([old, node]) => ({ old, parent: null, ...checked(node, NODE, "nodes") }));
  const below = Map.groupBy(all, ({ parent }) => parent);
  const ids = new Map([[null, null]]); // grows while it is walked, from the top down
  const calls = new Map();
  const nodes = {};
  for (const [above, parent] of ids) {
    for (const { old, ...node } of below.get(above) ?? []) {
      const id = newId();
      ids.set(old, id);
      nodes[id] = { ...node, id, parent, at: Math.max(node.at, (nodes[parent]?.at ?? 0) + 1) };
      calls.set(id, node.role === "tool" ? calls.get(parent) : new Set(node.calls?.map((call) => call.id)));
      if (node.role === "tool" && !calls.get(id)?.has(node.call)) damaged("call");
    }
  }
  if (ids.size <= all.length) damaged("parent"); // what hangs below itself, or nowhere, was not met
  if (!ids.has(leaf)) damaged("leaf");
  return { system: null, ...conversation, id: newId(), changed: Math.min(conversation.changed, Date.now()), nodes, leaf: ids.get(leaf) };
}
