// A conversation in a real browser: wordings, answers and branches, thoughts, tools, schemas, and what survives a reload.

import assert from "node:assert/strict";
import { ask, check, ended, lastAnswer, ready } from "./harness.mjs";

const sse = (...chunks) => ({
  contentType: "text/event-stream",
  body: [...chunks.map((chunk) => JSON.stringify(chunk)), "[DONE]"].map((data) => `data: ${data}\n\n`).join(""),
});
const say = (delta) => ({ choices: [{ delta, finish_reason: null }] });
const FIGURES = { choices: [], usage: { total_tokens: 1096 }, timings: { cache_n: 60, prompt_per_second: 1234.4, predicted_per_second: 56.6 } };

/** Let the next requests be answered by `answers`, one after the other; returns the bodies that were asked. */
async function script(page, ...answers) {
  const asked = [];
  await page.route("**/v1/chat/completions", (route) => {
    asked.push(route.request().postDataJSON());
    return route.fulfill(sse(...answers[Math.min(asked.length, answers.length) - 1]));
  });
  return asked;
}

const texts = (page, selector) => page.locator(selector).allTextContents();
const act = (page, turn, name) => page.locator(`.turn >> nth=${turn}`).getByRole("button", { name, exact: true }).click();

check("another wording is a branch beside the old one, and both stay", async () => {
  const page = await ready();
  await ask(page, "one");
  await ask(page, "two", 2);
  await act(page, 0, "Edit");
  assert.equal(await page.inputValue(".editing textarea"), "one");
  await page.fill(".editing textarea", "uno");
  await page.press(".editing textarea", "Control+Enter");
  await ended(page, 1);
  assert.deepEqual(await texts(page, ".user .text"), ["uno"]);
  assert.match(await lastAnswer(page), /^You said: uno/);
  assert.equal(await page.textContent(".user .where"), "2/2");
  await page.getByRole("button", { name: "Previous version" }).click();
  assert.deepEqual(await texts(page, ".user .text"), ["one", "two"]);
  assert.ok(await page.getByRole("button", { name: "Previous version" }).isDisabled());
  await page.getByRole("button", { name: "Next version" }).click();
  assert.deepEqual(await texts(page, ".user .text"), ["uno"]);
});

check("an edit can be left as it was", async () => {
  const page = await ready();
  await ask(page, "one");
  await act(page, 0, "Edit");
  await page.fill(".editing textarea", "changed");
  await page.press(".editing textarea", "Escape");
  assert.deepEqual(await texts(page, ".user .text"), ["one"]);
  await act(page, 0, "Edit");
  await page.getByRole("button", { name: "Cancel" }).click();
  assert.equal(await page.locator(".editing, .branches").count(), 0);
});

check("regenerating keeps the old answer, also of a turn further up", async () => {
  const page = await ready();
  await ask(page, "one");
  await ask(page, "two", 2);
  await act(page, 1, "Regenerate");
  await ended(page, 1);
  assert.equal(await page.textContent(".assistant .where"), "2/2");
  await page.getByRole("button", { name: "Previous version" }).click();
  assert.deepEqual(await texts(page, ".user .text"), ["one", "two"]);
});

check("an answer is written on, and an edited one stands beside it", async () => {
  const page = await ready();
  const asked = await script(page, [say({ content: "Red, " }), FIGURES], [say({ content: "green." }), FIGURES]);
  await ask(page, "Colours?");
  await act(page, 1, "Continue");
  await page.waitForFunction(() => document.querySelector(".assistant .text").textContent.trim() === "Red, green.");
  assert.deepEqual(asked[1].messages, [{ role: "user", content: "Colours?" }, { role: "assistant", content: "Red, " }]);
  await act(page, 1, "Edit");
  await page.fill(".editing textarea", "Blue.");
  await page.getByRole("button", { name: "Save" }).click();
  assert.equal((await lastAnswer(page)).trim(), "Blue.");
  assert.equal(await page.textContent(".assistant .where"), "2/2");
  assert.equal(asked.length, 2);
});

check("what an answer cost is told", async () => {
  const page = await ready();
  await script(page, [say({ content: "x" }), FIGURES]);
  await ask(page, "Hi");
  assert.equal(await page.textContent("#speed"), "57 tokens/s · read at 1,234/s · 60 cached · 3,000 of 4,096 left");
  assert.deepEqual(await page.locator("#context").evaluate((meter) => [meter.max, meter.value, meter.hidden]), [4096, 1096, false]);
  await page.click("#new");
  assert.equal(await page.textContent("#speed"), "");
});

check("a conversation is there after a reload, with its branches", async () => {
  const page = await ready();
  await ask(page, "one");
  await act(page, 1, "Regenerate");
  await ended(page);
  await page.waitForTimeout(300);
  await page.reload();
  await page.waitForSelector("#send:enabled");
  assert.deepEqual(await texts(page, ".user .text"), ["one"]);
  assert.equal(await page.textContent(".assistant .where"), "2/2");
  await ask(page, "two", 2);
  assert.match(await lastAnswer(page), /3 messages\)/);
});

check("thoughts are folded, and open while they come", async () => {
  const page = await ready();
  const asked = await script(page, [say({ reasoning_content: "Hm, " }), say({ reasoning_content: "<b>well</b>." }), say({ content: "Yes." }), FIGURES]);
  await ask(page, "Really?");
  assert.equal(await page.textContent(".thought div"), "Hm, <b>well</b>.");
  assert.equal(await page.locator(".thought[open]").count(), 0);
  assert.equal((await lastAnswer(page)).trim(), "Yes.");
  await ask(page, "Sure?", 2);
  assert.deepEqual(asked[1].messages[1], { role: "assistant", content: "Yes." });
});

check("calls of tools are shown, and what they gave goes back to the model", async () => {
  const page = await ready();
  const call = (index, id, name) => say({ tool_calls: [{ index, id, type: "function", function: { name, arguments: '{"city":"Bonn"}' } }] });
  const asked = await script(page, [call(0, "a", "weather"), call(1, "b", "time"), FIGURES], [say({ content: "Sunny at noon." }), FIGURES]);
  await ask(page, "Weather?");
  for (const [at, text] of ["sunny", "noon"].entries()) {
    await page.locator(".turn.assistant textarea").first().fill(text);
    await page.getByRole("button", { name: "Send", exact: true }).first().click();
    assert.equal(asked.length, at === 0 ? 1 : asked.length);
  }
  await page.waitForFunction(() => document.querySelector(".assistant:last-child .text").textContent.includes("Sunny at noon."));
  assert.deepEqual(asked[1].messages.slice(1), [
    { role: "assistant", content: "", tool_calls: [["a", "weather"], ["b", "time"]].map(([id, name]) => ({ id, type: "function", function: { name, arguments: '{"city":"Bonn"}' } })) },
    { role: "tool", tool_call_id: "a", content: "sunny" },
    { role: "tool", tool_call_id: "b", content: "noon" },
  ]);
});

check("a key that turns out wrong later is asked for again", async () => {
  const page = await ready();
  const error = { code: 401, message: "Invalid API Key", type: "authentication_error" };
  await page.route("**/v1/chat/completions", (route) => route.fulfill({ status: 401, json: { error } }), { times: 1 });
  await page.fill("#input", "Hi");
  await page.press("#input", "Enter");
  await page.waitForSelector("#ask-key[open]");
}, { expects: /^Failed to load resource/ });

check("a second question waits until the first is answered", async () => {
  const page = await ready();
  await page.fill("#input", "slow");
  await page.press("#input", "Enter");
  await page.waitForSelector(".writing");
  await page.fill("#input", "next");
  await page.press("#input", "Enter");
  assert.equal(await page.inputValue("#input"), "next");
  assert.deepEqual(await texts(page, ".user .text"), ["slow"]);
  await page.keyboard.press("Escape");
  await ended(page);
});

check("a new chat ends the answer that is being written, and keeps what there is of it", async () => {
  const page = await ready();
  await page.fill("#input", "slow");
  await page.press("#input", "Enter");
  await page.waitForFunction(() => document.querySelector(".writing .text")?.textContent.length > 40);
  await page.click("#new");
  assert.equal(await page.locator(".turn").count(), 0);
  assert.equal(await page.getAttribute("#send", "aria-label"), "Send");
  await ask(page, "Hi");
  assert.match(await lastAnswer(page), /1 messages\)/);
});
