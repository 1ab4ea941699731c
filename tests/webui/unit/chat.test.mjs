// A conversation: what is asked, what is kept, and what happens when it is stopped, repeated or cleared.

import assert from "node:assert/strict";
import test from "node:test";
import { Conversation } from "../../../webui/chat.js";

const chunk = (content) => ({ choices: [{ delta: { content } }] });
const last = { choices: [], usage: { total_tokens: 9 }, timings: { predicted_per_second: 50 } };
const tick = () => new Promise((resolve) => setTimeout(resolve));

/** A conversation whose answers come from `answers`, with a record of what it asked and told. */
function begin(...answers) {
  const record = { asked: [], told: [] };
  async function* chat(body, signal) {
    record.asked.push(body);
    for (const piece of answers.shift()) {
      if (piece === "wait") await new Promise((_, reject) => signal.addEventListener("abort", () => reject(new DOMException("x", "AbortError"))));
      if (piece instanceof Error) throw piece;
      yield piece;
    }
  }
  const listener = {
    begun: () => record.told.push("begun"),
    grown: (text) => record.told.push(text),
    ended: (ending) => record.told.push(ending),
  };
  return [new Conversation(chat, listener), record];
}

test("an answer grows, ends and is remembered", async () => {
  const [conversation, { asked, told }] = begin([chunk(null), chunk("Hel"), chunk("lo"), chunk(undefined), last], [chunk("Yes"), last]);
  await conversation.send("Hi", {});
  assert.deepEqual(told, ["begun", "", "Hel", "Hello", "Hello", "Hello", { error: null, figures: { total_tokens: 9, predicted_per_second: 50 } }]);
  await conversation.send("Really?", { temperature: 0, max_tokens: 5, system: "Be brief." });
  assert.deepEqual(asked, [
    { messages: [{ role: "user", content: "Hi" }] },
    {
      temperature: 0,
      max_tokens: 5,
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hi" },
        { role: "assistant", content: "Hello" },
        { role: "user", content: "Really?" },
      ],
    },
  ]);
});

test("a stopped answer stays as it is, without an error", async () => {
  const [conversation, { told }] = begin([chunk("Hel"), "wait"]);
  const sent = conversation.send("Hi", {});
  await tick();
  assert.ok(conversation.busy);
  conversation.stop();
  await sent;
  assert.ok(!conversation.busy);
  assert.deepEqual(told.at(-1), { error: null, figures: null });
  assert.deepEqual(conversation.messages.at(-1), { role: "assistant", content: "Hel" });
});

test("stop is harmless when nothing runs", () => begin()[0].stop());

test("regenerate asks the last question again", async () => {
  const [conversation, { asked }] = begin([chunk("one"), last], [chunk("two"), last]);
  await conversation.send("Hi", {});
  await conversation.regenerate({});
  assert.deepEqual(asked[1], asked[0]);
  assert.deepEqual(conversation.messages.map(({ content }) => content), ["Hi", "two"]);
});

test("a failure is told, keeps the question, and can be tried again", async () => {
  const failure = new Error("The engine ended.");
  const [conversation, { told }] = begin([failure], [chunk("Hel"), failure], [chunk("Hello"), last]);
  await conversation.send("Hi", {});
  assert.deepEqual(told.at(-1), { error: failure, figures: null });
  assert.equal(conversation.messages.length, 1);
  await conversation.regenerate({});
  assert.deepEqual(conversation.messages.map(({ content }) => content), ["Hi", "Hel"]);
  await conversation.regenerate({});
  assert.deepEqual(conversation.messages.map(({ content }) => content), ["Hi", "Hello"]);
});

test("clear ends what runs, and nothing of it arrives in the new chat", async () => {
  const [conversation, { told, asked }] = begin([chunk("old"), "wait"], [chunk("new"), last]);
  const old = conversation.send("Hi", {});
  await tick();
  conversation.clear();
  assert.ok(!conversation.busy);
  const before = told.length;
  await Promise.all([old, conversation.send("Again", {})]);
  assert.deepEqual(told.slice(before).filter((one) => typeof one === "string"), ["begun", "new", "new"]);
  assert.deepEqual(asked[1].messages, [{ role: "user", content: "Again" }]);
  assert.deepEqual(conversation.messages.map(({ content }) => content), ["Again", "new"]);
});
