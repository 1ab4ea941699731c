// Conversations as files: JSON with everything, Markdown for people. What comes in is checked.

import { t } from "./i18n.js";
import { add, create, path, title } from "./tree.js";

const FORMAT = "lmfile-conversations";
const MOST_MB = 256;
const SECTION = /\n{0,2}^## (System|User|Assistant|Tool|Notebook)$\n{0,2}/m;
const LIKE_OURS = /^(\\*)(?=## (?:System|User|Assistant|Tool|Notebook)$)/gm;

const isText = (value) => typeof value === "string";
const oneOf = (...values) => (value) => values.includes(value);

const FIELDS = [
  [/^(title|text|content|thought|call|problem|schema|id|name|type|arguments)$/, isText],
  [/^(system|leaf|parent)$/, (value) => value === null || isText(value)],
  [/^(changed|at|total_tokens)$/, Number.isSafeInteger],
  [/^(conversations|calls|files)$/, Array.isArray],
  [/^mode$/, oneOf("chat", "notebook")],
  [/^role$/, oneOf("user", "assistant", "tool")],
  [/^url$/, (value) => isText(value) && value.startsWith("data:image/")],
];

export const toJson = (conversations) => JSON.stringify({ format: FORMAT, conversations });

/** The branch shown; lines like our headings get a backslash. */
export function toMarkdown(conversation) {
  const { system, text } = conversation;
  const turns = path(conversation).map(({ role, content, files = [], calls = [] }) =>
    [role, content || [...files, ...calls].map(({ name, arguments: given = "" }) => `${name} ${given}`).join("\n")]);
  const sections = [["system", system], ["notebook", text || null], ...turns].filter(([, said]) => said !== null);
  const print = ([role, said]) => `\n## ${role[0].toUpperCase()}${role.slice(1)}\n\n${said.replace(LIKE_OURS, "$1\\")}\n`;
  return `# ${title(conversation)}\n${sections.map(print).join("")}`;
}

/** An Error says what is wrong. */
export async function fromFile(file) {
  if (file.size > MOST_MB * 1e6) throw new Error(t("Larger than {0} MB.", MOST_MB));
  const text = await file.text();
  if (text.startsWith("# ") && SECTION.test(text)) return [fromMarkdown(text)];
  try {
    const { format, conversations } = JSON.parse(text, checked);
    need(format === FORMAT, "format");
    return conversations.map(whole);
  } catch ({ message }) {
    throw new Error(t("Not a whole export: {0}", message));
  }
}

function fromMarkdown(text) {
  const [head, ...parts] = text.replace(/\r\n?/g, "\n").replace(/\n$/, "").split(SECTION);
  const conversation = { ...create(), title: head.slice(2).trim() };
  for (let at = 0; at < parts.length; at += 2) {
    const role = parts[at].toLowerCase();
    const content = parts[at + 1].replace(LIKE_OURS, (slashes) => slashes.slice(1));
    if (role === "system") conversation.system = content;
    else if (role === "notebook") Object.assign(conversation, { mode: role, text: content });
    else add(conversation, conversation.leaf, { role: role === "tool" ? "user" : role, content }); // its call is text, too
  }
  return conversation;
}

function checked(name, value) {
  for (const [names, isRight] of FIELDS) need(!names.test(name) || isRight(value), name);
  return value;
}

/** Every turn hangs below an older one. */
function whole({ id: _, nodes, leaf, ...given }) {
  const turns = Object.entries(nodes);
  for (const [key, { id, parent, at, role, content }] of turns) {
    need(id && id === key && role && isText(content), "nodes");
    need(parent === null ? Number.isSafeInteger(at) : nodes[parent]?.at < at, "parent");
  }
  need(Object.hasOwn(nodes, leaf) || (turns.length === 0 && given.text), "leaf");
  return { ...create(), ...given, nodes, leaf, changed: Math.min(given.changed ?? 0, Date.now()) };
}

function need(isSo, name) {
  if (!isSo) throw new TypeError(name);
}
