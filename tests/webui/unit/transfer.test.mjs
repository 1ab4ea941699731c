// Conversations as files: what is written comes back, and what is foreign, broken or hostile is told and does no harm.

import assert from "node:assert/strict";
import test from "node:test";
import { fromFile, toJson, toMarkdown } from "../../../webui/transfer.js";
import { add, create, path, title } from "../../../webui/tree.js";

const PICTURE = "data:image/png;base64,iVBORw0KGgo=";
const MIB = 2 ** 20;

/** A conversation with everything that one can have. */
function rich() {
  const conversation = Object.assign(create(), { title: "Weather", system: "Be brief." });
  const say = (parent, fields) => add(conversation, parent, fields).id;
  const files = [{ name: "sky.png", type: "image/png", url: PICTURE }, { name: "notes.txt", type: "text/plain", text: "warm", tokens: 3 }];
  const asked = say(null, { role: "user", content: "What is it like in Paris?", files });
  const calls = [{ id: "call_0", name: "weather", arguments: '{"city": "Paris"}' }, { id: "call_1", name: "time", arguments: "{}" }];
  const called = say(asked, { role: "assistant", content: "", thought: "I look.", calls, finish: "tool_calls" });
  const first = say(called, { role: "tool", call: "call_0", content: "18 °C" });
  const second = say(first, { role: "tool", call: "call_1", content: "noon" });
  say(second, { role: "assistant", content: "An old answer." });
  say(second, { role: "assistant", content: '{"degrees": 18}', figures: { total_tokens: 12, predicted_per_second: 2.5 }, model: "tiny", schema: "{}", problem: "cut off" });
  return conversation;
}

const file = (text, name = "a.json") => new File([text], name);
const read = (text, name) => fromFile(file(text, name));
const branch = (conversation) => path(conversation).map(({ role, content }) => [role, content]);

test("JSON brings everything back, as a copy", async () => {
  const given = rich();
  const notebook = { ...create("notebook"), text: "Once" };
  const [found, other] = await read(toJson([given, notebook]));
  assert.deepEqual({ ...found, id: given.id, changed: given.changed }, given);
  assert.notEqual(found.id, given.id);
  assert.deepEqual({ ...other, id: notebook.id, changed: notebook.changed }, notebook);
  assert.equal(JSON.parse(toJson([])).format, "lmfile-conversations");
});

test("Markdown is for people", () => {
  assert.equal(toMarkdown(rich()), `# Weather

## System

Be brief.

## User

What is it like in Paris?

## Assistant

weather {"city": "Paris"}
time {}

## Tool

18 °C

## Tool

noon

## Assistant

{"degrees": 18}
`);
});

test("Markdown brings the visible branch back, calls and results as text", async () => {
  const [found] = await read(toMarkdown(rich()), "a.md");
  assert.deepEqual([found.title, found.system, found.mode], ["Weather", "Be brief.", "chat"]);
  assert.deepEqual(branch(found), [
    ["user", "What is it like in Paris?"], ["assistant", 'weather {"city": "Paris"}\ntime {}'], ["user", "18 °C"], ["user", "noon"], ["assistant", '{"degrees": 18}'],
  ]);
  const [note] = await read(toMarkdown({ ...create("notebook"), text: "Once\n## User\nupon" }));
  assert.deepEqual([note.mode, note.text, note.title], ["notebook", "Once\n## User\nupon", "Once"]);
  const asked = create();
  add(asked, null, { role: "user", content: "", files: [{ name: "sky.png", type: "image/png", url: PICTURE }] });
  assert.match(toMarkdown(asked), /\n\nsky\.png \n$/);
});

/** Numbers from a seed, so that a failure can be repeated. */
function* random(seed) {
  for (let state = seed; ; yield (state >>> 8) / 2 ** 24) state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
}

const PIECES = ["## User", "## Assistant", "## System", "## Tool", "## Notebook", "# Title", "## ", "You", "\n", "\n", "\n\n", "\\", "\\\\", " ", "\t",
  "- ", ": ", "```", "> ", "a", "é", "👋", "\u2028", "\u2029", "\u0085", "\ufeff", "\0", "</h1>", "$&", "{0}", "---"];

test("Markdown brings back whatever the texts say", async () => {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const numbers = random(seed);
    const below = (most) => Math.floor(numbers.next().value * most);
    const text = () => Array.from({ length: below(9) }, () => PIECES[below(PIECES.length)]).join("");
    const given = Object.assign(create(), { title: "T", system: below(2) ? text() : null });
    for (let turns = 1 + below(4); turns > 0; turns -= 1) {
      add(given, given.leaf, { role: below(2) ? "user" : "assistant", content: text() });
    }
    const [found] = await read(toMarkdown(given), "a.md");
    assert.deepEqual([found.system, branch(found)], [given.system, branch(given)], `seed ${seed}`);
  }
});

test("Markdown survives an editor that ends its lines in another way", async () => {
  const text = toMarkdown(rich());
  const [{ nodes }] = await read(text, "a.md");
  for (const edited of [text.replaceAll("\n", "\r\n"), text.trimEnd(), `\ufeff${text}`]) {
    const [found] = await read(edited, "a.md");
    assert.deepEqual(branch(found), Object.values(nodes).map(({ role, content }) => [role, content]));
  }
});

const NOT_WHOLE = "Not a whole export: ";

test("what is foreign is told", async () => {
  const foreign = ["", "hello", "# A heading\n\nand a text\n", "## User\n\nHi", "{}", "[]", "null", "7", '"x"', '[{"role":"user","content":"x"}]', '{"format":"other"}', "{", "\0\x01",
    "[".repeat(1e6), '{"format":"lmfile-conversations"}', '{"format":"lmfile-conversations","conversations":[null]}'];
  for (const text of foreign) {
    await assert.rejects(read(text, "odd.json"), ({ message }) => message.startsWith(NOT_WHOLE), text.slice(0, 100));
  }
  await assert.rejects(fromFile({ name: "big.json", size: 256e6 + 1, text: () => assert.fail("was read") }), { message: "Larger than 256 MB." });
});

/** The JSON of a rich conversation after `change`. */
function changed(change) {
  const data = JSON.parse(toJson([rich()]));
  const [conversation] = data.conversations;
  change(conversation, Object.values(conversation.nodes), data);
  return JSON.stringify(data);
}

const BROKEN = {
  conversations: (_, __, data) => (data.conversations = {}),
  title: (one) => (one.title = 7),
  changed: (one) => (one.changed = null),
  mode: (one) => (one.mode = "other"),
  system: (one) => (one.system = ["x"]),
  text: (one) => (one.text = null),
  "leaf ": (one) => (one.nodes = []),
  "leaf  ": (one) => (one.leaf = null),
  leaf: (one) => (one.leaf = "nowhere"),
  parent: (_, [first]) => (first.parent = "nowhere"),
  "parent ": (_, [first]) => (first.parent = 1),
  "parent  ": (_, turns) => (turns[0].parent = turns.at(-1).id),
  "parent   ": (_, [first]) => (first.parent = first.id),
  role: (_, [first]) => (first.role = "system"),
  "role ": (_, [first]) => (first.role = "__proto__"),
  content: (_, [first]) => (first.content = [{ type: "text", text: "x" }]),
  "content ": (_, [first]) => (first.content = { toString: "x" }),
  thought: (_, [, second]) => (second.thought = 1),
  calls: (_, [, second]) => (second.calls = "none"),
  arguments: (_, [, second]) => (second.calls[0].arguments = {}),
  call: (_, [, , third]) => (third.call = 7),
  files: (_, [first]) => (first.files = {}),
  name: (_, [first]) => (first.files[0].name = null),
  url: (_, [first]) => (first.files[0].url = "https://evil.example/x.png"),
  "url ": (_, [first]) => (first.files[0].url = "data:text/html,<script>"),
  "nodes   ": (_, [first]) => (first.id = "other"),
  "nodes  ": (one, [first]) => Object.assign(one.nodes, { "": { ...first, id: "" } }),
  total_tokens: (_, turns) => (turns.at(-1).figures.total_tokens = "12"),
  "url   ": (_, [first]) => (first.files[0].url = [PICTURE]),
  "url    ": (_, [first]) => (first.files[0].url = "javascript:alert(1)"),
  at: (_, [first]) => (first.at = null),
  "at ": (_, [first]) => (first.at = "1"),
  "at  ": (_, [first]) => (first.at = 1e300),
  "parent    ": (_, [, second]) => (second.at = 1),
  "parent     ": (_, [first]) => delete first.at,
  "parent      ": (_, [first]) => (first.parent = "toString"),
  nodes: (_, [first]) => delete first.role,
  "nodes ": (_, [first]) => delete first.content,
};

for (const [field, change] of Object.entries(BROKEN)) {
  test(`what is broken is told: ${field}`, async () => {
    await assert.rejects(read(changed(change)), { message: NOT_WHOLE + field.trim() });
  });
}

test("a broken conversation lets none of its file in", async () => {
  const data = JSON.parse(toJson([rich(), rich()]));
  data.conversations[1].mode = "x";
  await assert.rejects(read(JSON.stringify(data)), /: mode$/);
});

test("nothing reaches a prototype", async () => {
  const text = changed((one, [first]) => Object.assign(one, { extra: 1 }) && Object.assign(first, { html: "<b>" }))
    .replace('"extra":1', '"__proto__":{"polluted":1}').replace('"html":"<b>"', '"__proto__":{"polluted":1}');
  const [found] = await read(text);
  assert.deepEqual([found.polluted, {}.polluted, Object.getPrototypeOf(found)], [undefined, undefined, Object.prototype]);
});

test("no conversation comes from the future", async () => {
  const [found] = await read(changed((one) => (one.changed = 9e15)));
  assert.ok(found.changed <= Date.now());
});

test("hostile Markdown is read in time that grows with it", async () => {
  for (const note of ["\\".repeat(MIB), "\n".repeat(MIB), "\r\n".repeat(MIB / 2), "## User\n".repeat(MIB / 8), "## User\n\n\n\n## Tool\n\n".repeat(MIB / 24)]) {
    const found = await read(`# A\n\n## Assistant\n\n${note}\n\n## User\n\nlast\n`, "a.md");
    assert.equal(path(found[0]).at(-1).content, "last");
  }
});

test("large files are read in time that grows with them", async () => {
  const wide = create();
  for (let n = 0; n < 20_000; n += 1) add(wide, null, { role: "user", content: "x" });
  const deep = create();
  for (let n = 0; n < 20_000; n += 1) add(deep, deep.leaf, { role: "user", content: "x" });
  const tools = create();
  const calls = Array.from({ length: 20_000 }, (_, n) => ({ id: `c${n}`, name: "f", arguments: "{}" }));
  add(tools, null, { role: "assistant", content: "", calls });
  for (const { id } of calls) add(tools, tools.leaf, { role: "tool", content: "x", call: id });
  const found = await read(toJson([wide, deep, tools]));
  assert.deepEqual(found.map((one) => Object.keys(one.nodes).length), [20_000, 20_000, 20_001]);
  const picture = create();
  add(picture, null, { role: "user", content: "", files: [{ name: "p", type: "image/png", url: PICTURE + "A".repeat(30 * MIB) }] });
  assert.equal(title((await read(toJson([picture])))[0]), "p");
  for (const text of ["\\".repeat(MIB), "\n".repeat(MIB), "\\\\## ".repeat(MIB / 5), "## User\n".repeat(MIB / 8), "#".repeat(MIB), "(".repeat(MIB)]) {
    const given = create();
    add(given, null, { role: "user", content: text });
    assert.equal(path((await read(toMarkdown(given)))[0])[0].content === text, true);
  }
});
