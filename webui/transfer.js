// Conversations as files: JSON with everything, Markdown for people; what comes in is checked to the last field.

import { t } from "./i18n.js";
import { add, create, newId, path, title } from "./tree.js";

const FORMAT = "lmfile-conversations";
const VERSION = 1;
const MOST_MIB = 64;

export const toJson = (conversations) => JSON.stringify({ format: FORMAT, version: VERSION, conversations });

const HEADINGS = { system: "System", user: "You", assistant: "Assistant", tool: "Tool", notebook: "Notebook" };
const HEADING = `## (?:${Object.values(HEADINGS).join("|")})$`;
const NOTE = "- (?:Attached|Call): ";
const OURS = new RegExp(`^(?=\\\\*(?:${HEADING}|${NOTE}))`, "gm");
const ESCAPED = new RegExp(`^\\\\(?=\\\\*(?:${HEADING}|${NOTE}))`, "gm");
const SECTION = new RegExp(`^## (.+)\n{0,2}(?:((?:${NOTE}.*\n?)+)\n?)?([^]*)`);

/** The branch that is shown, a heading for each turn; a line of a text that looks like one of ours gets a backslash. */
export function toMarkdown(conversation) {
  const { system, text, mode } = conversation;
  const turns = mode === "notebook" ? [{ role: mode, content: text }] : path(conversation);
  if (system !== null) turns.unshift({ role: "system", content: system });
  return `${[`# ${oneLine(conversation.title || title(conversation))}`, ...turns.flatMap(section)].join("\n\n")}\n`;
}

function section({ role, content, files = [], calls = [] }) {
  const notes = [...files.map(({ name }) => `- Attached: ${name}`), ...calls.map((call) => `- Call: ${call.name}(${call.arguments})`)];
  return [`## ${HEADINGS[role]}`, ...(notes.length ? [notes.map(oneLine).join("\n")] : []), content.replace(OURS, "\\")];
}

const oneLine = (text) => text.replace(/\s+/g, " ");

/** The conversations in a File, with new ids. Throws an Error that says what is wrong with it. */
export async function fromFile(file) {
  const { name } = file;
  if (file.size > MOST_MIB * 2 ** 20) throw new Error(t("“{0}” is larger than {1} MiB: export less at once.", name, MOST_MIB));
  const text = await file.text();
  const sections = text.startsWith("# ") ? sectionsOf(text) : [];
  const data = sections.length > 1 ? null : parsed(text);
  if (data && data.format !== FORMAT) throw new Error(t("“{0}” is no file of conversations that were exported here.", name));
  if (data && data.version !== VERSION) throw new Error(t("“{0}” comes from another version and cannot be read here.", name));
  try {
    return data ? listOf(whole)(data.conversations, "conversations") : [fromSections(sections)];
  } catch ({ message }) {
    throw new Error(t("“{0}” is damaged ({1}); nothing was imported from it.", name, message));
  }
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function sectionsOf(text) {
  const lines = /(?<!\r)\n/.test(text) ? text : text.replaceAll("\r\n", "\n");
  return lines.replace(/\n$/, "").split(new RegExp(`\n?\n?^(?=${HEADING})`, "m"));
}

function fromSections([head, ...sections]) {
  const conversation = Object.assign(create(), { title: head.slice(2).trim() });
  const open = []; // ids of calls whose results come next
  for (const one of sections) {
    const [, name, notes = "", body] = SECTION.exec(one);
    const content = body.replace(ESCAPED, "");
    const role = Object.keys(HEADINGS).find((key) => HEADINGS[key] === name);
    const calls = [...notes.matchAll(/^- Call: (.*?)\((.*)\)$/gm)].map(([, called, given]) => ({ id: newId(), name: called, arguments: given }));
    if (role === "system") conversation.system = content;
    else if (role === "notebook") Object.assign(conversation, { mode: role, text: content });
    else if (role === "tool") add(conversation, conversation.leaf, { role, content, call: is(Boolean)(open.shift(), "Tool") });
    else add(conversation, conversation.leaf, { role, content, ...(calls.length && { calls }) });
    open.push(...calls.map(({ id }) => id));
  }
  return conversation;
}

// What reads a value gives it back as it may be kept, or throws an Error with the name of the field.

const is = (right) => (value, name) => {
  if (right(value)) return value;
  throw new Error(name);
};
const text = is((value) => typeof value === "string");
const textOrNull = is((value) => value === null || typeof value === "string");
const moment = is((value) => Number.isFinite(value) && value >= 0 && value < 8.64e15);
const object = is((value) => value?.constructor === Object);
const oneOf = (...allowed) => is((value) => allowed.includes(value));
const picture = is((value) => typeof value === "string" && /^data:image\/(png|jpeg|webp|gif|bmp);base64,/.test(value));
const numbers = (value) => Object.fromEntries(Object.entries(value).filter(([, one]) => Number.isFinite(one)));
const listOf = (read) => (value, name) => is(Array.isArray)(value, name).map((one) => read(one, name));

/** Reads an object of these fields, of which those with a "?" may be missing. */
const shape = (fields) => (value, name) => {
  const found = {};
  for (const [field, read] of Object.entries(fields)) {
    const key = field.replace("?", "");
    if (key === field || object(value, name)[key] !== undefined) found[key] = read(object(value, name)[key], key);
  }
  return found;
};

const CALL = shape({ id: text, name: text, arguments: text });
const FILE = shape({ name: text, type: text, "text?": text, "url?": picture, "tokens?": moment });
const NODE = shape({
  parent: textOrNull, role: oneOf("user", "assistant", "tool"), content: text, "thought?": text, "calls?": listOf(CALL), "call?": text, "files?": listOf(FILE),
  "figures?": numbers, "problem?": text, "model?": text, "schema?": text, "finish?": text, at: moment,
});
const CONVERSATION = shape({
  title: text, created: moment, changed: moment, mode: oneOf("chat", "notebook"), system: textOrNull, text, nodes: object, leaf: textOrNull,
});

/** Reads a conversation: new ids, every turn below one that is there, every result below its call. */
function whole(value, name) {
  const { nodes: given, ...conversation } = CONVERSATION(value, name);
  const entries = Object.entries(given).map(([old, node]) => ({ old, ...NODE(node, "nodes") }));
  const below = Map.groupBy(entries, ({ parent }) => parent);
  const ids = new Map([[null, null]]); // grows while it is walked, from the top down
  const calls = new Map();
  const nodes = {};
  for (const [parentOld, parent] of ids) {
    for (const { old, ...node } of below.get(parentOld) ?? []) {
      const id = newId();
      ids.set(old, id);
      nodes[id] = { ...node, id, parent, at: Math.max(node.at, (nodes[parent]?.at ?? 0) + 1) };
      calls.set(id, node.role === "tool" ? calls.get(parent) : new Set(node.calls?.map((call) => call.id)));
      if (node.role === "tool") is((call) => calls.get(id)?.has(call))(node.call, "call");
    }
  }
  is((count) => count === entries.length + 1)(ids.size, "parent"); // one below itself, or below none, was not met
  is((leaf) => ids.has(leaf))(conversation.leaf, "leaf");
  return { ...conversation, id: newId(), changed: Math.min(conversation.changed, Date.now()), nodes, leaf: ids.get(conversation.leaf) };
}
