// A conversation is a tree of turns: another answer or another wording is a sibling, and nothing is overwritten.

/** A new conversation without turns; `mode` is "chat" or "notebook" (one text that the model continues). */
export function create(mode = "chat") {
  const created = now();
  return { id: newId(), title: "", created, changed: created, mode, system: null, text: "", nodes: {}, leaf: null };
}

/** Hang a turn below `parent` (null: at the top) and go on from it. */
export function add(conversation, parent, fields) {
  const node = { id: newId(), parent, content: "", ...fields, at: now() };
  conversation.nodes[node.id] = node;
  conversation.leaf = node.id;
  conversation.changed = node.at;
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
  conversation.leaf = branch(conversation, id).reduce((newest, node) => (node.at > newest.at ? node : newest)).id;
}

/** Take away a turn and all below it; the nearest alternative is shown, or else the turn above. */
export function drop(conversation, id) {
  const { parent } = conversation.nodes[id];
  const others = siblings(conversation, id);
  const place = others.findIndex((other) => other.id === id);
  const lost = new Set(branch(conversation, id).map((node) => node.id));
  for (const one of lost) delete conversation.nodes[one];
  conversation.changed = now();
  if (!lost.has(conversation.leaf)) return;
  const next = others[place - 1] ?? others[place + 1];
  if (next) choose(conversation, next.id);
  else conversation.leaf = parent;
}

/** The given title, or the beginning of what was written first; "" while there is nothing. */
export function title({ title: given, nodes, text, leaf }) {
  const [first] = path({ nodes, leaf });
  const line = /\S.{0,200}/u.exec(given || first?.content || first?.files?.[0]?.name || text)?.[0] ?? "";
  return line.length > 80 ? `${line.slice(0, 80).replace(/\s*\S*$/, "") || [...line].slice(0, 60).join("")}…` : line.trim();
}

/** Make a conversation whole whose turns were taken away elsewhere: what hangs in the air comes to the top. */
export function mend(conversation) {
  const all = Object.values(conversation.nodes);
  for (const node of all) if (!(node.parent in conversation.nodes)) node.parent = null;
  if (conversation.nodes[conversation.leaf]) return conversation;
  conversation.leaf = all.reduce((newest, node) => (node.at > (newest?.at ?? 0) ? node : newest), null)?.id ?? null;
  return conversation;
}

/** A name that nobody else has; pages from plain http addresses have no `randomUUID`. */
export const newId = () =>
  crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

let last = 0;
const now = () => (last = Math.max(Date.now(), last + 1)); // no two moments are the same, so the order of turns is known

/** A turn and all below it, each after its parent. */
function branch({ nodes }, id) {
  const below = new Map();
  for (const node of Object.values(nodes)) below.set(node.parent, [...(below.get(node.parent) ?? []), node]);
  const found = [nodes[id]];
  for (const node of found) found.push(...(below.get(node.id) ?? []));
  return found;
}
