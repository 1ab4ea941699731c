// Conversations in the browser's database, a row for each turn: a write touches only what changed, so two tabs lose nothing.

import { mend, title } from "./tree.js";

const OPEN_MS = 5_000;

const unkept = new Map(); // id -> a conversation that could not be stored: it lasts as long as the page
const removed = new Set(); // ids, of this and other tabs: a late write brings none of them back
const titles = new Map(); // id -> the title that it was given, in this or another tab
const stored = new WeakMap(); // conversation -> the JSON of its head and of each turn, as the database has them
const listeners = [];
let opening = null;
let channel = null;

/** All conversations as `{id, title, changed, mode, text}`, newest first; a title is "" while there is nothing to call it. */
export async function list() {
  const kept = await transact("readonly", (heads) => heads.getAll()).catch(() => []);
  return [...kept.filter(({ id }) => !unkept.has(id)), ...[...unkept.values()].map(headOf)]
    .map(({ asked, ...head }) => ({ ...head, title: head.title || asked }))
    .sort((one, other) => other.changed - one.changed);
}

/** The whole conversation, or null. */
export async function read(id) {
  if (unkept.has(id)) return unkept.get(id);
  const head = await transact("readonly", (heads) => heads.get(id)).catch(() => null);
  if (!head) return null;
  const { asked, ...conversation } = { ...head, nodes: Object.fromEntries((await turnsOf(id)).map((node) => [node.id, node])) };
  stored.set(conversation, printsOf(conversation));
  return mend(conversation);
}

/** Store what changed since this conversation was read or written; what cannot be stored stays in memory. */
export async function write(conversation) {
  const { id, nodes, text, leaf } = conversation;
  if (removed.has(id) || !(leaf || text)) return;
  conversation.title = titles.get(id) ?? conversation.title;
  const before = stored.get(conversation) ?? new Map();
  const after = printsOf(conversation);
  const changed = [...after.keys()].filter((key) => after.get(key) !== before.get(key));
  if (changed.length === 0) return;
  stored.set(conversation, after);
  try {
    const count = await transact("readwrite", (heads, turns) => {
      for (const key of changed) if (nodes[key]) turns.put(nodes[key], [id, key]);
      heads.put(headOf(conversation));
      return heads.count();
    });
    unkept.delete(id);
    if (count === 1 && before.size === 0) navigator.storage?.persist?.().catch(() => false);
  } catch {
    stored.set(conversation, before);
    unkept.set(id, conversation);
    tell({ failed: true });
  }
  share({ id });
}

/** Give a conversation another title; "": its first question. */
export async function rename(id, given) {
  share({ id, title: given });
  const conversation = await read(id);
  if (conversation) await write(conversation);
}

export async function remove(...ids) {
  for (const id of ids) unkept.delete(id);
  await transact("readwrite", (heads, turns) => {
    for (const id of ids) heads.delete(id);
    for (const id of ids) turns.delete(rangeOf(id));
  }).catch(() => null);
  share({ removed: ids });
}

/** The ids of the conversations with all these words in title or turns, whatever their case and accents; newest first. */
export async function search(words) {
  const wanted = fold(words).split(/\s+/);
  const found = [];
  for (const { id, title: shown, text } of await list()) {
    const turns = (await turnsOf(id)).flatMap(({ content, files = [] }) => [content, ...files.map(({ name }) => name)]);
    const said = fold([shown, text, ...turns].join("\n"));
    if (wanted.every((word) => said.includes(word))) found.push(id);
  }
  return found;
}

/** Call `listener` with `{id, title?}`, `{removed: ids}` or `{failed: true}` when something changed, in this or another tab. */
export function changes(listener) {
  listeners.push(listener);
  channel ??= new BroadcastChannel("lmfile");
  channel.onmessage = ({ data }) => tell(data);
}

/** What is stored beside the turns: all that a list needs. */
function headOf({ nodes, ...head }) {
  return { ...head, asked: title({ ...head, nodes, title: "" }) };
}

/** By "" and the ids of the turns: what tells whether head or turn has changed. The files of a turn never do. */
function printsOf(conversation) {
  const prints = Object.values(conversation.nodes).map(({ files, ...node }) => [node.id, JSON.stringify(node)]);
  return new Map([["", JSON.stringify(headOf(conversation))], ...prints]);
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toUpperCase().trim();
const rangeOf = (id) => IDBKeyRange.bound([id], [id, []]);

async function turnsOf(id) {
  const open = unkept.get(id);
  return open ? Object.values(open.nodes) : transact("readonly", (_, turns) => turns.getAll(rangeOf(id)));
}

/** Do `action` with both stores in one transaction; what its request found, once all of it is done. */
async function transact(mode, action) {
  const open = await (opening ??= connect());
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(["heads", "turns"], mode);
    const request = action(transaction.objectStore("heads"), transaction.objectStore("turns"));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.commit(); // a page that is being closed does not wait
  });
}

function connect() {
  return new Promise((resolve, reject) => {
    setTimeout(reject, OPEN_MS);
    const request = indexedDB.open("lmfile", 1);
    request.onerror = reject;
    request.onupgradeneeded = () => {
      request.result.createObjectStore("heads", { keyPath: "id" });
      request.result.createObjectStore("turns");
    };
    request.onsuccess = () => {
      request.result.onclose = () => (opening = null);
      request.result.onversionchange = () => request.result.close(); // a newer page waits for it
      resolve(request.result);
    };
  });
}

function share(change) {
  channel?.postMessage(change);
  tell(change);
}

function tell(change) {
  for (const id of change.removed ?? []) removed.add(id);
  if (change.title !== undefined) titles.set(change.id, change.title);
  for (const listener of listeners) listener(change);
}
