// What grows in the turn of an answer, and what of it is new to see.

import assert from "node:assert/strict";
import test from "node:test";
import { gather } from "../../../webui/answer.js";

const say = (delta, more = {}) => ({ choices: [{ delta, finish_reason: null }], ...more });

/** The turn that `chunks` make of `node`, and what each of them showed. */
function all(chunks, node = { content: "" }) {
  return [node, chunks.map((chunk) => gather(node, chunk))];
}

test("an answer grows, and its figures come with its end", () => {
  const last = { choices: [], usage: { total_tokens: 9 }, timings: { predicted_per_second: 50, cache_n: 3 } };
  const [node, shown] = all([say({ role: "assistant", content: null }), say({ content: "Hel" }), say({ content: "lo" }), last]);
  assert.deepEqual(node, { content: "Hello", figures: { total_tokens: 9, predicted_per_second: 50, cache_n: 3 } });
  assert.deepEqual(shown.map(({ text }) => text), ["", "Hel", "lo", ""]);
});

test("it goes on where it was", () => {
  assert.equal(all([say({ content: ", world" })], { content: "Hello" })[0].content, "Hello, world");
});

test("thoughts and calls are kept apart from the text", () => {
  const call = (index, id, name, piece) => ({ tool_calls: [{ index, ...(id && { id, type: "function" }), function: { ...(name && { name }), arguments: piece } }] });
  const [node, shown] = all([
    say({ reasoning_content: "Hm" }), say({ reasoning_content: "m." }), say({ content: "I look." }),
    say(call(0, "a", "weather", "")), say(call(0, null, null, '{"city":')), say(call(0, null, null, '"Bonn"}')), say(call(1, "b", "time", "{}")),
    { choices: [{ delta: {}, finish_reason: "tool_calls" }] },
  ]);
  assert.deepEqual([node.thought, node.content], ["Hmm.", "I look."]);
  assert.deepEqual(node.calls, [{ id: "a", name: "weather", arguments: '{"city":"Bonn"}' }, { id: "b", name: "time", arguments: "{}" }]);
  assert.deepEqual(shown.slice(0, 3), [{ text: "", thought: "Hm" }, { text: "", thought: "m." }, { text: "I look.", thought: "" }]);
});

test("a chunk about the prompt alone changes nothing", () => {
  assert.deepEqual(all([{ choices: [{ delta: {} }], prompt_progress: { total: 900, processed: 300 } }]), [{ content: "" }, [{ text: "", thought: "" }]]);
});
