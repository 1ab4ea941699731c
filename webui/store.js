// Conversations in the browser's database, a row for each turn: a write touches only what changed, so two tabs lose nothing.

import { title } from "./tree.js";

const OPEN_MS = 5_000;
const unkept = new Map(); // id -> a conversation that could not be stored
const titles = new Map(); // id -> the title given here or in another tab; null: removed, for good
const stored = new WeakMap(); // turn -> its JSON, as the database has it
let opening;
let channel;

/** {id, label…} of the conversations that have all these words, in any case and accent; newest first. */
export async function list(words = "") {
  const kept = await found((rows) => rows.index("heads").getAll());
  const listed = [];
  for (const head of kept.filter(({ id }) => !unkept.has(id)).concat(...unkept.values())) {
    if (!words || (await holds(head, words))) listed.push(head);
  }
  return listed.sort((one, other) => other.changed - one.changed);
}

/** The whole conversation, or null. */
export async function read(id) {
  if (unkept.has(id)) return unkept.get(id);
  const [head, ...turns] = await found((rows) => rows.getAll(rangeOf(id)));
  for (const turn of turns) stored.set(turn, print(turn));
  return head ? { ...head, nodes: Object.fromEntries(turns.map((turn) => [turn.id, turn])) } : null;
}

/** Store what changed since it was read or written; what cannot be stored stays in memory. */
export async function write(conversation) {
  const { id, text, leaf } = conversation;
  if (titles.get(id) === null || !(leaf || text)) return;
  conversation.title = titles.get(id) ?? conversation.title;
  conversation.label = title(conversation);
  const { nodes, ...head } = conversation;
  const changed = Object.values(nodes).map((turn) => [turn, print(turn)]).filter(([turn, json]) => stored.get(turn) !== json);
  try {
    await transact("readwrite", (rows) => {
      rows.put(head, [id, ""]);
      for (const [turn] of changed) rows.put(turn, [id, turn.id]);
    });
    for (const [turn, json] of changed) stored.set(turn, json);
    unkept.delete(id);
  } catch {
    if (unkept.size === 0) tell({ failed: true });
    unkept.set(id, conversation);
  }
  share({ id });
}

/** Give a conversation another title; "": its first question. */
export async function rename(id, given) {
  share({ id, title: given });
  await write((await read(id)) ?? {});
}

export async function remove(id) {
  unkept.delete(id);
  share({ id, title: null });
  await transact("readwrite", (rows) => rows.delete(rangeOf(id))).catch(() => null);
}

async function holds({ id, label, text }, words) {
  const turns = Object.values((await read(id))?.nodes ?? {});
  const said = fold([label, text, ...turns.map(({ content }) => content)].join(" "));
  return fold(words).split(/\s+/).every((word) => said.includes(word));
}

const fold = (text) => text.normalize("NFKD").replace(/\p{M}+/gu, "").toUpperCase();
const print = ({ files, ...turn }) => JSON.stringify(turn); // its files never change
const rangeOf = (id) => IDBKeyRange.bound([id], [id, []]);
const found = (action) => transact("readonly", action).catch(() => []);

/** What `action` found, once its transaction is done. */
async function transact(mode, action) {
  const database = await (opening ??= connect());
  return new Promise((resolve, reject) => {
    const transaction = database.transaction("rows", mode);
    const request = action(transaction.objectStore("rows"));
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
    request.onupgradeneeded = () => request.result.createObjectStore("rows").createIndex("heads", "changed"); // turns have no such field
    request.onsuccess = () => {
      channel = new BroadcastChannel("lmfile");
      channel.onmessage = ({ data }) => tell(data);
      resolve(request.result);
    };
  });
}

function share(change) {
  channel?.postMessage(change);
  tell(change);
}

/** The document's event "stored": {id, title?} changed in any tab (title null: removed), or {failed: true}. */
function tell(detail) {
  if (detail.title !== undefined) titles.set(detail.id, detail.title);
  document.dispatchEvent(new CustomEvent("stored", { detail }));
}
