// Conversations in the browser's database, a row for each turn: a write touches only what changed, so two tabs lose nothing.

import { mend, title } from "./tree.js";

const OPEN_MS = 5_000;
const MOST_FOUND = 500;

const unkept = new Map(); // id -> a conversation that could not be stored: it lasts as long as the page
const removed = new Set(); // ids, of this and other tabs: a late write brings none of them back
const titles = new Map(); // id -> the title that it was given in this or another tab
const stored = new WeakMap(); // conversation -> `{head, rows}`, what the database has of it
const listeners = [];
let opening = null;
let channel = null;

/** All conversations as `{id, title, changed, mode}`, newest first. */
export async function list() {
  const heads = await transact("readonly", (store) => store.getAll()).catch(() => []);
  return [...heads.filter(({ id }) => !unkept.has(id)), ...[...unkept.values()].map(headOf)]
    .map(({ id, title: given, asked, changed, mode }) => ({ id, title: given || asked, changed, mode }))
    .sort((one, other) => other.changed - one.changed);
}

/** The whole conversation, or null. */
export async function read(id) {
  if (unkept.has(id)) return unkept.get(id);
  const head = await transact("readonly", (heads) => heads.get(id)).catch(() => null);
  if (!head) return null;
  const { asked, ...rest } = head;
  const rows = await rowsOf(id);
  const nodes = Object.fromEntries(rows.filter((row) => row.id).map((row) => [row.id, row]));
  const conversation = { ...rest, nodes, text: rows.find((row) => !row.id)?.text ?? "" };
  stored.set(conversation, { head, rows: printsOf(conversation) });
  return mend(conversation);
}

/** Store what changed since this conversation was read or written; what cannot be stored stays in memory. */
export async function write(conversation) {
  const { id, nodes, text, leaf } = conversation;
  if (removed.has(id) || !(leaf || text)) return;
  conversation.title = titles.get(id) ?? conversation.title;
  const before = stored.get(conversation) ?? { head: {}, rows: new Map() };
  const after = { head: headOf(conversation), rows: printsOf(conversation) };
  const changed = [...after.rows].filter(([key, print]) => !same(print, before.rows.get(key)));
  if (changed.length === 0 && same(after.head, before.head)) return;
  stored.set(conversation, after);
  try {
    const count = await transact("readwrite", (heads, turns) => {
      for (const [key] of changed) turns.put(nodes[key] ?? { text }, [id, key]);
      heads.put(after.head);
      return heads.count();
    });
    unkept.delete(id);
    if (count === 1 && before.rows.size === 0) navigator.storage?.persist?.().catch(() => false);
  } catch {
    stored.set(conversation, before);
    unkept.set(id, conversation);
    tell({ failed: true });
  }
  share({ id });
}

/** Give a conversation another title; "": its first question. */
export async function rename(id, given) {
  if (unkept.has(id)) unkept.get(id).title = given;
  const change = (heads) => (heads.get(id).onsuccess = ({ target: { result } }) => result && heads.put({ ...result, title: given }));
  await transact("readwrite", change, false).catch(() => tell({ failed: true }));
  share({ id, title: given });
}

export async function remove(...ids) {
  for (const id of ids) unkept.delete(id);
  await transact("readwrite", (heads, turns) => {
    for (const id of ids) {
      heads.delete(id);
      turns.delete(rangeOf(id));
    }
  }).catch(() => null);
  share({ removed: ids });
}

/** The ids of the conversations with all these words in title or turns, whatever their case and accents; newest first. */
export async function search(words, signal) {
  const wanted = fold(words).split(/\s+/);
  const found = [];
  for (const { id, title: shown } of await list()) {
    if (signal?.aborted || found.length === MOST_FOUND) break;
    const missing = without(wanted, shown);
    if (missing.length === 0 || (await hasAll(id, missing))) found.push(id);
  }
  return found;
}

/** Call `listener` with `{id, title?}`, `{removed: ids}` or `{failed: true}` when something changed, in this or another tab. */
export function changes(listener) {
  listeners.push(listener);
  channel ??= new BroadcastChannel("lmfile");
  channel.onmessage = ({ data }) => tell(data);
}

/** Whether conversations outlast the page. */
export const persistent = () => (opening ??= connect()).then(() => unkept.size === 0, () => false);

/** What is stored beside the turns; the list needs no more. */
function headOf({ nodes, text, ...head }) {
  return { ...head, asked: title({ nodes, text, leaf: head.leaf }) };
}

/** What tells whether a row has changed, by its key: the id of a turn, or "" for the text of a notebook. */
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
    missing = without(missing, [content ?? text, ...files.map(({ name }) => name)].join("\n"));
    if (missing.length === 0) return true;
  }
  return false;
}

function without(words, text) {
  const folded = fold(text);
  return words.filter((word) => !folded.includes(word));
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toUpperCase().trim();
const rangeOf = (id) => IDBKeyRange.bound([id], [id, []]);

async function rowsOf(id) {
  const { text, nodes } = unkept.get(id) ?? {};
  return nodes ? [{ text }, ...Object.values(nodes)] : transact("readonly", (_, turns) => turns.getAll(rangeOf(id)));
}

/** Do `action` with both stores in one transaction; what its request found, once all of it is done. */
async function transact(mode, action, complete = true) {
  const open = await (opening ??= connect());
  return new Promise((resolve, reject) => {
    const transaction = open.transaction(["heads", "turns"], mode);
    transaction.onabort = () => reject(transaction.error);
    const request = action(transaction.objectStore("heads"), transaction.objectStore("turns"));
    transaction.oncomplete = () => resolve(request?.result);
    if (complete) transaction.commit(); // a page that is being closed does not wait
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
