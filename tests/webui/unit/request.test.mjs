// What the model is sent: turns, files, tools.

import assert from "node:assert/strict";
import test from "node:test";
import { messages } from "../../../webui/request.js";

const user = (content, more = {}) => ({ role: "user", content, ...more });

test("turns follow the system prompt, if there is one", () => {
  const path = [user("Hi"), { role: "assistant", content: "Hello", figures: {}, thought: "Hm." }, user("Really?")];
  const turns = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }, { role: "user", content: "Really?" }];
  assert.deepEqual(messages(path, ""), turns);
  assert.deepEqual(messages(path, "Be brief."), [{ role: "system", content: "Be brief." }, ...turns]);
});

test("an answer without a word is left out", () => {
  assert.deepEqual(messages([user("Hi"), { role: "assistant", content: "" }], ""), [{ role: "user", content: "Hi" }]);
});

test("texts of files stand before the question, in a fence that they cannot close", () => {
  const files = [{ name: "a.md", type: "text/plain", text: "```js\nx\n```\n````\n" }, { name: "b.txt", text: "y" }];
  const [{ content }] = messages([user("What is it?", { files })], "");
  assert.equal(content, "a.md:\n`````\n```js\nx\n```\n````\n`````\n\nb.txt:\n```\ny\n```\n\nWhat is it?");
});

test("pictures are parts of their own", () => {
  const files = [{ name: "a.png", type: "image/png", url: "data:image/png;base64,AA==" }];
  assert.deepEqual(messages([user("What is it?", { files })], "")[0].content, [
    { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } }, { type: "text", text: "What is it?" },
  ]);
});

test("calls and what came of them belong together", () => {
  const path = [
    user("Weather?"), { role: "assistant", content: "", thought: "I look.", calls: [{ id: "a", name: "weather", arguments: "{}" }] },
    { role: "tool", content: "sunny", call: "a" },
  ];
  assert.deepEqual(messages(path, "").slice(1), [
    { role: "assistant", content: "", tool_calls: [{ id: "a", type: "function", function: { name: "weather", arguments: "{}" } }], reasoning_content: "I look." },
    { role: "tool", tool_call_id: "a", content: "sunny" },
  ]);
});
