// A conversation is a tree of turns: another answer or wording is a sibling, and nothing is overwritten.

/** A new conversation; `mode`: "chat", or "notebook" (one text that the model continues). */
export function create(mode = "chat") {
  const created = now();
  return { id: newId(), title: "", created, changed: created, mode, system: null, text: "", nodes: {}, leaf: null };
}

/** Hang a turn below `parent` (null: at the top) and go on from it. */
export function add(conversation, parent, fields) {
  const at = Math.max(now(), (conversation.nodes[parent]?.at ?? 0) + 1); // newer than what it hangs below, whatever the clock says
  const node = { id: newId(), parent, content: "", ...fields, at };
  conversation.nodes[node.id] = node;
  conversation.leaf = node.id;
  conversation.changed = at;
  return node;
}

/** The turns that are shown: from the first one to the leaf. */
export function path({ nodes, leaf }) {
  const shown = [];
  for (let node = nodes[leaf]; node; node = nodes[node.parent]) shown.push(node);
  return shown.reverse();
}

/** A turn and its alternatives, oldest first. */
export function siblings({ nodes }, id) {
  return Object.values(nodes).filter(({ parent }) => parent === nodes[id].parent).sort((one, other) => one.at - other.at);
}

/** Show the branch of a turn, down to the newest turn below it. */
export function choose(conversation, id) {
  const below = new Set([id]);
  conversation.leaf = id;
  for (const node of byAge(conversation)) if (below.has(node.parent)) below.add((conversation.leaf = node.id));
}

/** The given title, or the beginning of what was written first. */
export function title({ title: given, nodes, text, leaf }) {
  const [first] = path({ nodes, leaf });
  return /\S.{0,79}/u.exec(given || first?.content || first?.files?.[0].name || text)?.[0].trim() ?? "";
}

/** Make a conversation whole from which another tab took turns: what hung below them comes to the top. */
export function mend(conversation) {
  const { nodes } = conversation;
  for (const node of Object.values(nodes)) if (!nodes[node.parent]) node.parent = null;
  if (!nodes[conversation.leaf]) conversation.leaf = byAge(conversation).at(-1)?.id ?? null;
  return conversation;
}

/** A name that nothing else has; pages from plain http addresses have no `randomUUID`. */
export const newId = () => crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint32Array(4))].join("-");

let last = 0;
const now = () => (last = Math.max(Date.now(), last + 1)); // never the same moment twice: it orders the turns
const byAge = ({ nodes }) => Object.values(nodes).sort((one, other) => one.at - other.at);
