// A conversation is a tree of turns: another answer or wording is a sibling, and nothing is overwritten.

/** A new conversation; `mode`: "chat", or "notebook" (one text that the model continues). */
export const create = (mode = "chat") => ({ id: newId(), title: "", changed: now(), mode, system: null, text: "", nodes: {}, leaf: null });

/** Hang a turn below `parent` (null: at the top) and go on from it. */
export function add(conversation, parent, fields) {
  const id = newId();
  const at = Math.max(now(), (conversation.nodes[parent]?.at ?? 0) + 1); // newer than its parent, whatever the clock says
  Object.assign(conversation, { leaf: id, changed: at });
  return (conversation.nodes[id] = { id, parent, content: "", ...fields, at });
}

/** The turns that are shown: from the first one to the leaf. */
export function path({ nodes, leaf }) {
  const shown = [];
  for (let node = nodes[leaf]; node; node = nodes[node.parent]) shown.push(node);
  return shown.reverse();
}

/** A turn and its alternatives, oldest first. */
export const siblings = ({ nodes }, id) => byAge(nodes).filter(({ parent }) => parent === nodes[id].parent);

/** Show the branch of a turn, down to the newest turn below it. */
export function choose(conversation, id) {
  const below = new Set([id]);
  conversation.leaf = id;
  for (const node of byAge(conversation.nodes)) if (below.has(node.parent)) below.add((conversation.leaf = node.id));
}

/** The given title, or how what was written first begins. */
export function title(conversation) {
  const [first] = path(conversation);
  return /\S.{0,79}/u.exec(conversation.title || first?.content || first?.files?.[0]?.name || conversation.text)?.[0].trim() ?? "";
}

let last = 0;
const now = () => (last = Math.max(Date.now(), last + 1)); // never twice the same: it orders the turns
const byAge = (nodes) => Object.values(nodes).sort((one, other) => one.at - other.at);
const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-"); // on plain http, too
