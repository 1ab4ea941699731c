// The tree of a conversation: branches, their order, and what a list calls it.

import assert from "node:assert/strict";
import test from "node:test";
import { add, choose, create, path, siblings, title } from "../../../webui/tree.js";

/** A conversation in which the second question has two wordings, and the second of them two answers. */
function branched() {
  const conversation = create("chat");
  const say = (parent, role, content) => add(conversation, parent?.id ?? null, { role, content });
  const hello = say(null, "user", "Hello");
  const hi = say(hello, "assistant", "Hi");
  const first = say(hi, "user", "One?");
  const one = say(first, "assistant", "1");
  const second = say(hi, "user", "Two?");
  const two = say(second, "assistant", "2");
  const too = say(second, "assistant", "II");
  return { conversation, hello, hi, first, one, second, two, too };
}

const said = (conversation) => path(conversation).map(({ content }) => content).join(" ");

test("a new conversation has nothing in it, and a name of its own", () => {
  const [one, other] = [create(), create("notebook")];
  assert.deepEqual([one.mode, other.mode, one.title, one.system, one.text, one.nodes, one.leaf], ["chat", "notebook", "", null, "", {}, null]);
  assert.notEqual(one.id, other.id);
  assert.deepEqual(path(one), []);
  assert.equal(title(one), "");
});

test("what is added is the leaf, and newer than all before", () => {
  const { conversation, too } = branched();
  assert.equal(conversation.leaf, too.id);
  assert.equal(conversation.changed, too.at);
  assert.equal(said(conversation), "Hello Hi Two? II");
  const times = Object.values(conversation.nodes).map(({ at }) => at);
  assert.deepEqual(times, [...new Set(times)].sort((a, b) => a - b));
});

test("what hangs below a turn is newer than it, also when the clock was set back", () => {
  const { conversation, too } = branched();
  too.at = Date.now() + 1e9;
  const late = add(conversation, too.id, { role: "user", content: "Late" });
  assert.ok(late.at > too.at);
  choose(conversation, conversation.nodes[too.id].parent);
  assert.equal(conversation.leaf, late.id);
});

test("siblings are the alternatives, oldest first, also of the first turn", () => {
  const { conversation, hello, first, second, two, too, hi } = branched();
  const of = (node) => siblings(conversation, node.id).map(({ content }) => content);
  assert.deepEqual([of(first), of(second), of(two), of(too), of(hi), of(hello)],
    [["One?", "Two?"], ["One?", "Two?"], ["2", "II"], ["2", "II"], ["Hi"], ["Hello"]]);
  add(conversation, null, { role: "user", content: "Hello!" });
  assert.deepEqual(of(hello), ["Hello", "Hello!"]);
});

test("choosing a turn shows its newest branch", () => {
  const { conversation, hello, first, two, second } = branched();
  choose(conversation, first.id);
  assert.equal(said(conversation), "Hello Hi One? 1");
  choose(conversation, two.id);
  assert.equal(said(conversation), "Hello Hi Two? 2");
  choose(conversation, second.id);
  assert.equal(said(conversation), "Hello Hi Two? II");
  add(conversation, first.id, { role: "assistant", content: "one" });
  choose(conversation, two.id);
  choose(conversation, hello.id);
  assert.equal(said(conversation), "Hello Hi One? one");
});

test("nothing depends on the order in which turns are kept", () => {
  const { conversation, hello, too } = branched();
  conversation.nodes = Object.fromEntries(Object.entries(conversation.nodes).reverse());
  assert.deepEqual(siblings(conversation, too.id).map(({ content }) => content), ["2", "II"]);
  choose(conversation, hello.id);
  assert.equal(said(conversation), "Hello Hi Two? II");
});

test("a title is what was given, or the beginning of what was written first", () => {
  const { conversation } = branched();
  assert.equal(title(conversation), "Hello");
  conversation.title = "Given";
  assert.equal(title(conversation), "Given");
  const of = (content, files) => {
    const made = create();
    add(made, null, { role: "user", content, files });
    return title(made);
  };
  assert.equal(of("\n\n  A line  \nand another"), "A line");
  assert.equal(of("", [{ name: "report.pdf", type: "application/pdf" }]), "report.pdf");
  assert.equal(of("   "), "");
  assert.equal(of("", []), "");
  assert.equal(of("x".repeat(1000)), "x".repeat(80));
  assert.ok(of("👋".repeat(1000)).isWellFormed());
  assert.ok(of(`x${"👋".repeat(1000)}`).isWellFormed());
  assert.equal(title({ ...create("notebook"), text: "Once upon\na time" }), "Once upon");
});

test("names are made where the browser has no randomUUID", () => {
  const original = crypto.randomUUID;
  crypto.randomUUID = undefined;
  try {
    assert.equal(new Set(Array.from({ length: 1000 }, () => create().id)).size, 1000);
  } finally {
    crypto.randomUUID = original;
  }
});

test("a conversation of many turns is walked in time that grows with it", () => {
  const conversation = create();
  for (let n = 0; n < 20_000; n += 1) add(conversation, conversation.leaf, { role: n % 2 ? "assistant" : "user", content: String(n) });
  const [first] = path(conversation);
  conversation.leaf = first.id;
  choose(conversation, first.id);
  assert.equal(path(conversation).length, 20_000);
});
