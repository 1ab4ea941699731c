// Conversations in the browser's database: a row for each turn, so two tabs lose nothing.

import { title } from "./tree.js";

const OPEN_MS = 5_000;
const unkept = new Map(); // id -> conversation
const titles = new Map(); // id -> title; null: removed
const stored = new WeakMap(); // turn -> its JSON
let opening;
let channel;

/** {id, label…} of those with all words, newest first. */
export async function list(words = "") {
  const kept = await found((rows) => rows.index("heads").getAll());
  const listed = [];
  for (const head of kept.filter(({ id }) => !unkept.has(id)).concat(...unkept.values())) {
    if (!words || (await holds(head, words))) listed.push(head);
  }
  return listed.sort((one, other) => other.changed - one.changed);
}

export async function read(id) {
  if (unkept.has(id)) return unkept.get(id);
  const [head, ...turns] = await found((rows) => rows.getAll(rangeOf(id)));
  for (const turn of turns) stored.set(turn, print(turn));
  return head ? { ...head, nodes: Object.fromEntries(turns.map((turn) => [turn.id, turn])) } : null;
}

/** Only what changed; on failure it stays in memory. */
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

/** "": its first question. */
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
const print = ({ files, ...turn }) => JSON.stringify(turn); // files never change
const rangeOf = (id) => IDBKeyRange.bound([id], [id, []]);
const found = (action) => transact("readonly", action).catch(() => []);

async function transact(mode, action) {
  const database = await (opening ??= connect());
  return new Promise((resolve, reject) => {
    const transaction = database.transaction("rows", mode);
    const request = action(transaction.objectStore("rows"));
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.commit(); // a closing page will not wait
  });
}

function connect() {
  return new Promise((resolve, reject) => {
    setTimeout(reject, OPEN_MS);
    const request = indexedDB.open("lmfile", 1);
    request.onerror = reject;
    request.onupgradeneeded = () => request.result.createObjectStore("rows").createIndex("heads", "changed"); // turns lack it
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

/** Event "stored": {id, title?} of any tab (null: removed), or {failed}. */
function tell(detail) {
  if (detail.title !== undefined) titles.set(detail.id, detail.title);
  document.dispatchEvent(new CustomEvent("stored", { detail }));
}
