// One answer: what grows in its turn, what is told, and how it ends.

import assert from "node:assert/strict";
import test from "node:test";
import { Answer } from "../../../webui/answer.js";

const say = (delta, more = {}) => ({ model: "m", choices: [{ delta, finish_reason: null }], ...more });
const LAST = { choices: [], usage: { total_tokens: 9 }, timings: { predicted_per_second: 50, cache_n: 3 } };
const tick = () => new Promise((resolve) => setTimeout(resolve));

/** An answer out of `pieces`: chunks, an error to throw, or "wait" for a stop. */
function begin(pieces, node = { content: "" }) {
  const record = { node, told: [], asked: [] };
  async function* chat(body, signal) {
    record.asked.push(body);
    for (const piece of pieces) {
      if (piece === "wait") await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new DOMException("x", "AbortError"))));
      if (piece instanceof Error) throw piece;
      yield piece;
    }
  }
  const tell = (name) => (what) => record.told.push([name, what]);
  record.answer = new Answer(chat, node, { grown: tell("grown"), reading: tell("reading"), ended: tell("ended") });
  return record;
}

test("an answer grows, and its figures come with its end", async () => {
  const { answer, node, told, asked } = begin([say({ role: "assistant", content: null }), say({ content: "Hel" }), say({ content: "lo" }), LAST]);
  await answer.run({ temperature: 0 });
  assert.deepEqual(asked, [{ temperature: 0 }]);
  assert.deepEqual(told, [["grown", { text: "Hel", thought: "" }], ["grown", { text: "lo", thought: "" }], ["ended", null]]);
  assert.deepEqual(node, { content: "Hello", model: "m", figures: { total_tokens: 9, predicted_per_second: 50, cache_n: 3 } });
});

test("it goes on where it was", async () => {
  const { answer, node } = begin([say({ content: ", world" }), LAST], { content: "Hello", problem: "cut off" });
  await answer.run({});
  assert.equal(node.content, "Hello, world");
  assert.ok(!("problem" in node));
});

test("thoughts and calls are kept apart from the text", async () => {
  const call = (index, id, name, piece) => ({ tool_calls: [{ index, ...(id && { id, type: "function" }), function: { ...(name && { name }), arguments: piece } }] });
  const { answer, node, told } = begin([
    say({ reasoning_content: "Hm" }), say({ reasoning_content: "m." }), say({ content: "I look." }),
    say(call(0, "a", "weather", "")), say(call(0, null, null, '{"city":')), say(call(0, null, null, '"Bonn"}')), say(call(1, "b", "time", "{}")),
    { choices: [{ delta: {}, finish_reason: "tool_calls" }] },
  ]);
  await answer.run({});
  assert.equal(node.thought, "Hmm.");
  assert.deepEqual(node.calls, [{ id: "a", name: "weather", arguments: '{"city":"Bonn"}' }, { id: "b", name: "time", arguments: "{}" }]);
  assert.equal(node.finish, "tool_calls");
  assert.deepEqual(told[0], ["grown", { text: "", thought: "Hm" }]);
});

test("how far a long prompt is read is told", async () => {
  const { answer, told } = begin([{ choices: [{ delta: {} }], prompt_progress: { total: 900, processed: 300, cache: 0 } }, say({ content: "x" })]);
  await answer.run({});
  assert.deepEqual(told[0], ["reading", { done: 300, total: 900 }]);
});

test("a stopped answer stays as it is, without an error", async () => {
  const { answer, node, told } = begin([say({ content: "Hel" }), "wait"]);
  const run = answer.run({});
  await tick();
  answer.stop();
  await run;
  assert.deepEqual(told.at(-1), ["ended", null]);
  assert.deepEqual([node.content, node.problem], ["Hel", undefined]);
});

test("a failure is told and kept with what was written", async () => {
  const failure = new Error("The engine ended.");
  const { answer, node, told } = begin([say({ content: "Hel" }), failure]);
  await answer.run({});
  assert.deepEqual(told.at(-1), ["ended", failure]);
  assert.deepEqual([node.content, node.problem], ["Hel", "The engine ended."]);
});
