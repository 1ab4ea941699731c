// Conversations in the real database of a real browser: kept, found, shared by tabs, and not lost when it fails.

import assert from "node:assert/strict";
import { READY, REFUSED, check, open, tab } from "./harness.mjs";

const BARE = `${READY}/health`; // a page of the server's origin on which nothing runs

/** A bare page with `store`, `tree` and what the tests write with. */
async function bare(prepare = () => {}, options) {
  const page = await open(BARE, options);
  return enter(page, prepare);
}

async function enter(page, prepare = () => {}) {
  await page.evaluate(prepare);
  await page.evaluate(async () => {
    const [store, tree] = await Promise.all([import("/store.js"), import("/tree.js")]);
    await store.list(); // from now on it hears other tabs
    const told = [];
    document.addEventListener("stored", ({ detail }) => told.push(detail));
    const say = (conversation, ...texts) => {
      for (const content of texts) tree.add(conversation, conversation.leaf, { role: "user", content });
      return conversation;
    };
    const said = (conversation) => tree.path(conversation).map(({ content }) => content).join(" ");
    const until = async (isSo) => { while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 10)); };
    Object.assign(globalThis, { store, tree, told, say, said, until });
  });
  return page;
}

/** A test on bare pages, which have no icon. */
const probe = (name, action, options) => check(name, action, { expects: REFUSED, ...options });

const another = async (page) => enter(await tab(page, BARE));

probe("conversations outlast the page, newest first", async () => {
  const page = await bare();
  const written = await page.evaluate(async () => {
    const one = say(tree.create(), "Hello", "again");
    one.nodes[one.leaf].files = [{ name: "a.png", type: "image/png", url: "data:image/png;base64,AAAA" }];
    one.nodes[one.leaf].calls = [{ id: "c", name: "f", arguments: "{}" }];
    const other = Object.assign(tree.create("notebook"), { text: "Once upon", system: "Be brief." });
    const nothing = tree.create();
    for (const conversation of [one, other, nothing]) await store.write(conversation);
    return [one, other, nothing];
  });
  await page.goto(BARE);
  await enter(page);
  const [list, ...read] = await page.evaluate(async (ids) => [await store.list(), ...(await Promise.all(ids.map(store.read)))], written.map(({ id }) => id));
  assert.deepEqual(list.map(({ label, mode }) => [label, mode]), [["Once upon", "notebook"], ["Hello", "chat"]]);
  assert.deepEqual(read, [written[0], written[1], null]);
});

probe("a write puts the turns that changed, and the row beside them", async () => {
  const page = await bare();
  const puts = await page.evaluate(async () => {
    const counts = [];
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...given) {
      counts[counts.length - 1] += 1;
      return put.apply(this, given);
    };
    const conversation = say(tree.create(), ...Array.from({ length: 50 }, (_, n) => `turn ${n}`));
    const write = async (change) => {
      counts.push(0);
      change();
      await store.write(conversation);
    };
    const { leaf, nodes } = conversation;
    await write(() => {});
    await write(() => {});
    await write(() => (nodes[leaf].content += "more"));
    await write(() => (nodes[leaf].calls = [{ id: "c", name: "f", arguments: "" }]));
    await write(() => (nodes[leaf].calls[0].arguments += "{}"));
    await write(() => (nodes[leaf].figures = { total_tokens: 5 }));
    await write(() => say(conversation, "new"));
    await write(() => tree.choose(conversation, leaf) ?? (conversation.leaf = leaf));
    await write(() => (conversation.system = "Be brief."));
    const read = await store.read(conversation.id);
    counts.push(0);
    await store.write(read);
    return [counts, read.nodes[leaf].content, read.nodes[leaf].calls[0].arguments, said(read).endsWith("turn 49more")];
  });
  assert.deepEqual(puts, [[51, 1, 2, 2, 2, 2, 2, 1, 1, 1], "turn 49more", "{}", true]);
});

probe("two tabs write in one conversation, and both are kept", async () => {
  const page = await bare();
  const id = await page.evaluate(async () => {
    globalThis.mine = say(tree.create(), "Hello");
    await store.write(mine);
    return mine.id;
  });
  const other = await another(page);
  await other.evaluate(async (id) => { globalThis.mine = await store.read(id); }, id);
  const go = (content) => async () => Promise.all([store.write(say(mine, content)), store.write(say(mine, `${content}!`))]);
  await Promise.all([page.evaluate(`(${go})("one")()`), other.evaluate(`(${go})("two")()`)]);
  await page.evaluate(async () => { mine.nodes[mine.leaf].content += "?"; await store.write(mine); });
  const third = await another(page);
  const read = await third.evaluate(async (id) => {
    const found = await store.read(id);
    return [said(found), Object.values(found.nodes).map(({ content }) => content).sort()];
  }, id);
  assert.deepEqual(read, ["Hello one one!?", ["Hello", "one", "one!?", "two", "two!"]]);
});

probe("a change is told to the other tabs; a title given there stays", async () => {
  const page = await bare();
  const id = await page.evaluate(async () => {
    globalThis.mine = say(tree.create(), "Hello");
    await store.write(mine);
    return mine.id;
  });
  const other = await another(page);
  await other.evaluate(async (id) => { await store.rename(id, "Given"); }, id);
  await page.evaluate((id) => until(() => told.some((change) => change.id === id && change.title === "Given")), id);
  assert.equal(await page.evaluate(async () => { await store.write(say(mine, "more")); return (await store.list())[0].label; }), "Given");
  await other.evaluate((id) => until(() => told.some((change) => change.id === id && !("title" in change))), id);
  assert.equal(await other.evaluate(async (id) => { await store.rename(id, ""); return (await store.list())[0].label; }, id), "Hello");
});

probe("what was removed is not brought back by a late write, in no tab", async () => {
  const page = await bare();
  const ids = await page.evaluate(async () => {
    globalThis.mine = [say(tree.create(), "one"), say(tree.create(), "two"), say(tree.create(), "three")];
    for (const one of mine) await store.write(one);
    return mine.map(({ id }) => id);
  });
  const other = await another(page);
  await other.evaluate(async (ids) => {
    globalThis.theirs = await store.read(ids[0]);
    for (const id of ids.slice(0, 2)) await store.remove(id);
    await store.write(say(theirs, "late"));
  }, ids);
  await page.evaluate(() => until(() => told.filter(({ title }) => title === null).length === 2));
  const left = await page.evaluate(async () => {
    for (const one of mine) await store.write(say(one, "late"));
    const rows = await new Promise((resolve) => indexedDB.open("lmfile").onsuccess = ({ target: { result } }) =>
      result.transaction("rows").objectStore("rows").getAllKeys().onsuccess = ({ target }) => resolve(target.result.map(([id]) => id)));
    return [(await store.list()).map(({ id }) => id), [...new Set(rows)], await store.read(mine[0].id)];
  });
  assert.deepEqual(left, [[ids[2]], [ids[2]], null]);
});

probe("titles, all branches and notebooks are searched, whatever the case and accents", async () => {
  const page = await bare();
  const found = await page.evaluate(async () => {
    const make = async (name, ...texts) => {
      const made = say(tree.create(), ...texts);
      await store.write(made);
      names.set(made.id, name);
      return made;
    };
    const names = new Map();
    const café = await make("café", "Où est le Café ÉLYSÉE ?", "near the river");
    tree.add(café, null, { role: "user", content: "hidden wording in der Straße" });
    tree.choose(café, Object.keys(café.nodes)[0]);
    await store.write(café);
    await make("japanese", "ガラス の 塔");
    await make("digits", "the number ４２");
    const renamed = await make("renamed", "plain");
    await store.rename(renamed.id, "Übersicht");
    const note = Object.assign(tree.create("notebook"), { text: "Once upon a time" });
    names.set(note.id, "notebook");
    await store.write(note);
    const find = async (words) => (await store.list(words)).map(({ id }) => names.get(id));
    const asked = ["cafe elysee", "ELYSÉE river", "HIDDEN", "STRASSE", "カラス", "42", "ubersicht", "upon time", "e", "nowhere", "café nowhere", "  plain  "];
    return Promise.all(asked.map(find));
  });
  assert.deepEqual(found, [["café"], ["café"], ["café"], ["café"], ["japanese"], ["digits"], ["renamed"], ["notebook"], ["notebook", "renamed", "digits", "café"], [], [], ["renamed"]]);
});

probe("what is written while the page goes away is kept", async () => {
  const page = await bare();
  const id = await page.evaluate(async () => {
    const conversation = say(tree.create(), "Hello");
    await store.write(conversation);
    addEventListener("pagehide", () => store.write(say(conversation, ...Array(200).fill("x".repeat(5000)), "goodbye")));
    return conversation.id;
  });
  const other = await another(page);
  await page.close();
  const last = () => other.evaluate(async (id) => said(await store.read(id)).slice(-7), id);
  for (let tries = 0; tries < 50 && (await last()) !== "goodbye"; tries += 1) await other.waitForTimeout(100);
  assert.equal(await last(), "goodbye");
});

probe("when the storage is full it is told, the chat goes on, and is stored when there is room", async () => {
  const page = await bare();
  const devtools = await page.context().newCDPSession(page);
  const quota = (quotaSize) => devtools.send("Storage.overrideQuotaForOrigin", { origin: READY, quotaSize });
  await quota(200_000);
  await page.evaluate(async () => { await store.write(say(tree.create(), "small")); });
  const full = await page.evaluate(async () => {
    globalThis.big = say(tree.create(), "big");
    for (let n = 0; n < 20; n += 1) await store.write(say(big, crypto.getRandomValues(new Uint8Array(60_000)).join()));
    await store.write(say(big, "last"));
    const found = await store.read(big.id);
    return [told.some(({ failed }) => failed), found === big, (await store.list()).map(({ label }) => label), (await store.list("LAST")).length];
  });
  assert.deepEqual(full, [true, true, ["big", "small"], 1]);
  await quota();
  assert.equal(await page.evaluate(async () => {
    await store.write(say(big, "room"));
    return (await store.read(big.id)) === big;
  }), false);
  const other = await another(page);
  assert.deepEqual(await other.evaluate(async () => {
    const [{ id }] = await store.list();
    const found = await store.read(id);
    return [tree.path(found).length, said(found).slice(-9)];
  }), [23, "last room"]);
});

const WITHOUT = {
  "is not there": () => delete globalThis.indexedDB || Object.defineProperty(globalThis, "indexedDB", { value: undefined }),
  "is forbidden": () => (IDBFactory.prototype.open = () => { throw new DOMException("", "SecurityError"); }),
  "fails": () => (IDBFactory.prototype.open = () => {
    const request = {};
    setTimeout(() => request.onerror());
    return request;
  }),
  "never answers": () => {
    const { setTimeout } = globalThis;
    globalThis.setTimeout = (action, ms, ...given) => setTimeout(action, ms / 100, ...given);
    IDBFactory.prototype.open = () => ({});
  },
};

for (const [how, prepare] of Object.entries(WITHOUT)) {
  probe(`where the database ${how}, conversations last as long as the page`, async () => {
    const page = await bare(prepare);
    const found = await page.evaluate(async () => {
      const [one, other] = [say(tree.create(), "one"), say(tree.create(), "the other")];
      await store.write(one);
      await store.write(other);
      await store.rename(one.id, "renamed");
      const listed = (await store.list()).map(({ label }) => label);
      const same = (await store.read(one.id)) === one;
      const found = await store.list("OTHER");
      await store.remove(one.id);
      return [listed, same, found.length, (await store.list()).length, await store.read("nothing"), told.some(({ failed }) => failed)];
    });
    assert.deepEqual(found, [["the other", "renamed"], true, 1, 1, null, true]);
  });
}
