// A conversation is a tree of turns: another answer is a sibling, and nothing is overwritten.

/** `mode`: "chat" or "notebook" (one text). */
export const create = (mode = "chat") => ({ id: newId(), title: "", changed: now(), mode, system: null, text: "", nodes: {}, leaf: null });

/** Below `parent`; null: at the top. */
export function add(conversation, parent, fields) {
  const id = newId();
  const at = Math.max(now(), (conversation.nodes[parent]?.at ?? 0) + 1); // newer, whatever the clock says
  Object.assign(conversation, { leaf: id, changed: at });
  return (conversation.nodes[id] = { id, parent, content: "", ...fields, at });
}

/** First to leaf. */
export function path({ nodes, leaf }) {
  const shown = [];
  for (let node = nodes[leaf]; node; node = nodes[node.parent]) shown.push(node);
  return shown.reverse();
}

/** With itself, oldest first. */
export const siblings = ({ nodes }, id) => byAge(nodes).filter(({ parent }) => parent === nodes[id].parent);

/** Down to the newest turn below it. */
export function choose(conversation, id) {
  const below = new Set([id]);
  conversation.leaf = id;
  for (const node of byAge(conversation.nodes)) if (below.has(node.parent)) below.add((conversation.leaf = node.id));
}

export function title(conversation) {
  const [first] = path(conversation);
  return /\S.{0,79}/u.exec(conversation.title || first?.content || first?.files?.[0]?.name || conversation.text)?.[0].trim() ?? "";
}

let last = 0;
const now = () => (last = Math.max(Date.now(), last + 1)); // never the same: it orders turns
const byAge = (nodes) => Object.values(nodes).sort((one, other) => one.at - other.at);
const newId = () => crypto.getRandomValues(new Uint32Array(4)).join("-"); // on plain http, too
