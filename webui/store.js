// Conversations in the browser's database, a row for each turn: a write touches only what changed, so that two tabs lose nothing.

import { mend, title } from "./tree.js";

const OPEN_MS = 5_000;
const MOST_FOUND = 500;

const unkept = new Map(); // id -> a conversation that the browser could not store: it lasts as long as the page
const removed = new Set(); // ids, removed here or in another tab: a late write brings none of them back
const stored = new WeakMap(); // conversation -> `{head, rows}`, what the database has of it
const listeners = [];
let opening = null;
let channel = null;

/** All conversations as `{id, title, changed, mode}`, the newest first. */
export async function list() {
  const heads = await transact("readonly", (store) => store.getAll()).catch(() => []);
  const seen = [...heads.filter(({ id }) => !unkept.has(id)), ...[...unkept.values()].map(headOf)];
  return seen
    .map(({ id, title: given, asked, changed, mode }) => ({ id, title: given || asked, changed, mode }))
    .sort((one, other) => other.changed - one.changed);
}

/** The whole conversation, or null. */
export async function read(id) {
  if (unkept.has(id)) return unkept.get(id);
  const head = await transact("readonly", (heads) => heads.get(id)).catch(() => null);
  if (!head) return null;
  const { asked, ...conversation } = { ...head, text: "", nodes: {} };
  for (const row of await rowsOf(id)) {
    if (row.id) conversation.nodes[row.id] = row;
    else conversation.text = row.text;
  }
  stored.set(conversation, { head, rows: printsOf(conversation) });
  return mend(conversation);
}

/** Store what changed since this conversation was read or written; what cannot be stored stays in memory. */
export async function write(conversation) {
  const { id, nodes, text } = conversation;
  const before = stored.get(conversation) ?? { head: {}, rows: new Map() };
  const after = { head: headOf(conversation), rows: printsOf(conversation) };
  const put = [...after.rows.keys()].filter((key) => !same(after.rows.get(key), before.rows.get(key)));
  const lost = [...before.rows.keys()].filter((key) => !after.rows.has(key));
  const empty = before.rows.size === 0 && after.rows.size === 1 && !text;
  if (removed.has(id) || empty || (put.length + lost.length === 0 && same(after.head, before.head))) return;
  stored.set(conversation, after);
  try {
    const count = await transact("readwrite", (heads, turns) => {
      for (const key of lost) turns.delete([id, key]);
      for (const key of put) turns.put(key ? nodes[key] : { text }, [id, key]);
      heads.put(after.head);
      return heads.count();
    });
    unkept.delete(id);
    if (count === 1 && before.rows.size === 0) navigator.storage?.persist?.().catch(() => false);
  } catch (error) {
    stored.set(conversation, before);
    unkept.set(id, conversation);
    tell({ failed: error });
  }
  share({ id, title: conversation.title });
}

/** Give a conversation another title; "" lets the first question be it. */
export async function rename(id, given) {
  if (unkept.has(id)) unkept.get(id).title = given;
  const change = (heads) => (heads.get(id).onsuccess = ({ target }) => target.result && heads.put({ ...target.result, title: given }));
  await transact("readwrite", change, false).catch((failed) => unkept.has(id) || tell({ failed }));
  share({ id, title: given });
}

export async function remove(...ids) {
  const change = (heads, turns) => {
    for (const id of ids) heads.delete(id);
    for (const id of ids) turns.delete(rangeOf(id));
  };
  ids.forEach((id) => removed.add(id) && unkept.delete(id));
  await transact("readwrite", change).catch(() => null);
  share({ removed: ids });
}

/** The ids of the conversations that have all these words, in title or turns, whatever their case and accents; the newest first. */
export async function search(words, signal) {
  const wanted = fold(words).split(/\s+/);
  const found = [];
  for (const { id, title: shown } of await list()) {
    if (signal?.aborted || found.length === MOST_FOUND) break;
    const missing = wanted.filter((word) => !fold(shown).includes(word));
    if (missing.length === 0 || (await hasAll(id, missing))) found.push(id);
  }
  return found;
}

/** Call `listener` with `{id, title}`, `{removed: ids}` or `{failed: error}` when something changed, in this or another tab. */
export function changes(listener) {
  listeners.push(listener);
  channel ??= globalThis.BroadcastChannel && new BroadcastChannel("lmfile");
  if (channel) channel.onmessage = ({ data }) => tell(data);
}

/** Whether conversations outlast the page. */
export const persistent = async () => (await database()) !== null && unkept.size === 0;

/** What the list shows of a conversation, and what is as small. */
function headOf({ nodes, text, ...head }) {
  return { ...head, asked: title({ nodes, text, leaf: head.leaf }) };
}

/** What tells whether a row has changed, by its key: a turn's id, or "" for the text of a notebook. */
function printsOf({ nodes, text }) {
  const print = (node) => ({ ...node, calls: JSON.stringify(node.calls), figures: JSON.stringify(node.figures) });
  return new Map([["", { text }], ...Object.values(nodes).map((node) => [node.id, print(node)])]);
}

function same(one, other = {}) {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
}

async function hasAll(id, words) {
  let missing = words;
  for (const { content, text, files = [] } of await rowsOf(id)) {
    const folded = fold([content ?? text, ...files.map(({ name }) => name)].join("\n"));
    missing = missing.filter((word) => !folded.includes(word));
    if (missing.length === 0) return true;
  }
  return false;
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toUpperCase().trim();
const rangeOf = (id) => IDBKeyRange.bound([id], [id, []]);

async function rowsOf(id) {
  const open = unkept.get(id);
  if (open) return [{ text: open.text }, ...Object.values(open.nodes)];
  return transact("readonly", (_, turns) => turns.getAll(rangeOf(id))).catch(() => []);
}

/** Do `action` with both stores in one transaction; what its request found, once all of it is done. */
async function transact(mode, action, complete = true) {
  const open = await database();
  if (!open) throw new Error("IndexedDB is switched off");
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(["heads", "turns"], mode);
    transaction.onabort = () => reject(transaction.error);
    try {
      const request = action(transaction.objectStore("heads"), transaction.objectStore("turns"));
      transaction.oncomplete = () => resolve(request?.result);
      if (complete) transaction.commit(); // also when the page is just being closed
    } catch (error) {
      reject(error);
      transaction.abort();
    }
  });
}

/** The open database, or null where there is none. */
function database() {
  return (opening ??= connect().catch(() => null));
}

function connect() {
  return new Promise((resolve, reject) => {
    setTimeout(reject, OPEN_MS);
    const request = indexedDB.open("lmfile", 1);
    request.onerror = () => reject(request.error);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("heads", { keyPath: "id" });
      request.result.createObjectStore("turns");
    };
    request.onsuccess = () => {
      const forget = () => (opening = request.result.close());
      Object.assign(request.result, { onclose: forget, onversionchange: forget });
      resolve(request.result);
    };
  });
}

function share(change) {
  channel?.postMessage(change);
  tell(change);
}

function tell(change) {
  change.removed?.forEach((id) => removed.add(id));
  for (const listener of listeners) listener(change);
}
