// The column of settings: what is chosen there is asked for, what is wrong is said, and what came back is judged.

import assert from "node:assert/strict";
import { CLICKED, PHONE, READY, ask, check, ended, lastAnswer, open, ready, shot } from "./harness.mjs";

const PROMPT = "You are Bread Book.";

/** A page with the column open, and all its groups. */
async function panel(address = READY, options) {
  return unfold(await ready(address, options));
}

async function unfold(page) {
  await page.click("#open-settings");
  await page.evaluate(() => document.querySelectorAll("#panel > details").forEach((group) => (group.open = true)));
  return page;
}

/** What the page asks for when `text` is sent, without the messages and how they are streamed. */
async function asked(page, text = "Hello", n = 1) {
  const [request] = await Promise.all([page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith("/chat/completions")), ask(page, text, n)]);
  const { messages, stream, stream_options, return_progress, timings_per_token, ...rest } = request.postDataJSON();
  return { messages, rest };
}

/** What stands below a field that is wrong; null if it is right. */
const about = (page, selector) => page.$eval(selector, (field) => (field.matches(":invalid") ? field.nextElementSibling.textContent : null));

check("numbers are asked for as they are set, with the server's own shown where none is", async () => {
  const page = await panel();
  assert.equal(await page.getAttribute("#temperature", "placeholder"), "0.8");
  assert.deepEqual((await asked(page)).rest, {});
  await page.getByLabel("top_k").fill("7");
  await page.getByLabel("max_tokens").fill("50");
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { top_k: 7, max_tokens: 50 });
  await page.getByRole("button", { name: "Precise" }).click();
  assert.deepEqual((await asked(page, "Hello", 3)).rest, { temperature: 0.2, top_p: 0.9 });
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.deepEqual(await page.$$eval("#temperature, #max_tokens", (fields) => fields.map(({ value }) => value)), ["0.2", ""]);
  await page.locator("details:has(#reset)").getByRole("button", { name: "Reset" }).click();
  assert.equal(await page.inputValue("#temperature"), "");
  await page.click("#new");
  assert.deepEqual((await asked(page)).rest, {});
});

check("a number that the server would refuse is marked with a sentence, and left out", async () => {
  const page = await panel();
  for (const [selector, text, sentence] of [["#top_p", "1.5", /maximum: 1$/], ["#top_k", "2.5", /type: "integer"/], ["#seed", "-2", /minimum: -1$/], ["#min_p", "e", /minimum: 0/]]) {
    await page.fill(selector, text);
    assert.match(await about(page, selector), sentence);
  }
  await shot(page, "panel-wrong");
  assert.deepEqual((await asked(page)).rest, {});
  await page.fill("#top_p", ".123");
  assert.equal(await about(page, "#top_p"), null);
  assert.equal(await page.locator("label:has(#top_p)").textContent(), "top_p");
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { top_p: 0.123 });
});

check("the system prompt is the publisher's, until this conversation has its own", async () => {
  const page = await panel(CLICKED);
  const field = page.getByRole("textbox", { name: "System prompt" });
  assert.equal(await field.inputValue(), PROMPT);
  assert.ok(!(await page.isVisible("#system-note")));
  assert.deepEqual((await asked(page)).messages[0], { role: "system", content: PROMPT });
  await field.fill("Be brief.");
  assert.ok(await page.isVisible("#system-note"));
  assert.deepEqual((await asked(page, "Hello", 2)).messages[0], { role: "system", content: "Be brief." });
  await field.fill("");
  assert.equal((await asked(page, "Hello", 3)).messages[0].role, "user");
  await page.click("#new");
  assert.equal(await field.inputValue(), PROMPT);
  await field.fill("Rhyme.");
  await page.click("#system-reset");
  assert.equal(await field.inputValue(), PROMPT);
  assert.deepEqual((await asked(page)).messages[0], { role: "system", content: PROMPT });
});

check("an answer is asked for by a schema, and judged by it", async () => {
  const page = await panel();
  await page.getByLabel("Answer in JSON").check();
  const any = (await asked(page, 'say exactly {"a": 1}')).rest.response_format;
  assert.deepEqual(any.json_schema.schema, { type: "object" });
  await page.click("#schema-example");
  assert.ok(!(await page.isVisible("#schema-example"))); // it would replace what a person has written
  assert.equal(await page.evaluate(() => document.activeElement.id), "schema");
  const { json_schema: { schema, strict }, type } = (await asked(page, 'say exactly {"name": "Ann", "age": 7}', 2)).rest.response_format;
  assert.deepEqual([type, strict, schema.required], ["json_schema", true, ["name", "age"]]);
  assert.match(await page.textContent(".assistant:last-child .verdict"), /^✓/);
  await asked(page, 'say exactly {"name": "Ann", "age": "7"}', 3);
  assert.match(await page.textContent(".assistant:last-child .verdict"), /^✗.*\n\/age breaks type: "integer"$/s);
  await shot(page, "panel-schema");
  await page.fill("#schema", '{\n"type": "object",\n}');
  assert.match(await about(page, "#schema"), /JSON.*line 3/);
  assert.deepEqual((await asked(page, "Hello", 4)).rest, {});
});

check("what the server finds wrong with a schema is said", async () => {
  const page = await panel();
  await page.getByLabel("Answer in JSON").check();
  await page.fill("#schema", `{"const": "${"x".repeat(70_000)}"}`);
  await ask(page, "Hello");
  assert.match(await page.textContent(".assistant .problem"), /at most 65536 bytes/);
  assert.equal(await page.locator(".assistant .code").count(), 0); // nothing came that could stand there
}, { expects: /^Failed to load resource/ });

check("functions are declared in JSON, checked, and kept", async () => {
  const page = await panel();
  await page.getByLabel("Offer these functions").check();
  assert.deepEqual((await asked(page)).rest, { tools: [] });
  await page.click("#tools-example");
  const [tool] = JSON.parse(await page.inputValue("#tools"));
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { tools: [{ type: "function", function: tool }] });
  for (const [text, sentence] of [['[{"name": "a"', /JSON/], [JSON.stringify([tool, { ...tool, name: "get weather" }]), /^\/1\/name breaks pattern/]]) {
    await page.fill("#tools", text);
    assert.match(await about(page, "#tools"), sentence);
  }
  assert.deepEqual((await asked(page, "Hello", 3)).rest, {});
  const two = [tool, { ...tool, name: "search" }];
  await page.fill("#tools", JSON.stringify(two));
  assert.equal(await about(page, "#tools"), null);
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await page.click("#new");
  assert.deepEqual((await asked(page)).rest.tools.map((one) => one.function), two);
});

check("a call is shown, and goes on with the result that a person gives", async () => {
  const page = await panel();
  await page.getByLabel("Offer these functions").check();
  await page.click("#tools-example");
  await ask(page, 'say exactly {"name": "get_weather", "arguments": {"place": "Paris"}}');
  assert.equal(await page.textContent(".call summary"), "get_weather");
  assert.deepEqual(JSON.parse(await page.textContent(".call pre")), { place: "Paris" });
  await shot(page, "panel-call");
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().endsWith("/chat/completions")),
    page.getByLabel("Result").fill("say exactly Sunny.").then(() => page.locator(".call button").click()),
  ]);
  await ended(page, 2);
  const [called, result] = request.postDataJSON().messages.slice(-2);
  assert.equal(called.tool_calls[0].function.name, "get_weather");
  assert.deepEqual(result, { role: "tool", tool_call_id: called.tool_calls[0].id, content: "say exactly Sunny." });
  assert.equal(await lastAnswer(page), "Sunny.");
  assert.deepEqual(await page.$eval(".call", ({ open: isOpen, children }) => [isOpen, children[2].textContent]), [false, "say exactly Sunny."]);
});

check("adapters are weighted for one person's requests", async () => {
  const page = await panel(CLICKED);
  const lora = async (n) => (await asked(page, "Hello", n)).rest.lora;
  const [pirate, robot] = ["pirate", "robot"].map((name) => page.getByRole("slider", { name }));
  assert.deepEqual([await pirate.inputValue(), await robot.inputValue()], ["1", "0"]);
  assert.equal(await lora(1), undefined);
  await robot.fill("0.5");
  assert.equal(await page.textContent(".adapter:last-child output"), "0.5");
  assert.deepEqual(await lora(2), [{ name: "pirate", scale: 1 }, { name: "robot", scale: 0.5 }]);
  await pirate.fill("0");
  assert.deepEqual(await lora(3), [{ name: "robot", scale: 0.5 }]);
  await shot(page, "panel-adapters");
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.deepEqual([await pirate.inputValue(), await robot.inputValue()], ["0", "0.5"]);
  const listed = await page.evaluate(() => fetch("lora-adapters").then((answer) => answer.json()));
  assert.deepEqual(listed.map(({ scale }) => scale), [1, 0]);
  await robot.fill("0");
  await page.click("#new");
  assert.deepEqual(await lora(1), []);
});

check("there is nothing about models and adapters where there is nothing to choose", async () => {
  const page = await panel();
  assert.ok(!(await page.isVisible("#model-group")));
  assert.ok(!(await page.isVisible("#thinking")));
});

check("of several models another can be chosen, and a template that can think be told how", async () => {
  const page = await open();
  await page.route("**/v1/models", async (route) => {
    const listed = await (await route.fetch()).json();
    listed.data.push({ ...listed.data[0], id: "small", status: { value: "unloaded" } }, { ...listed.data[0], id: "vectors", role: "embed" });
    await route.fulfill({ json: listed });
  });
  await page.route("**/props", async (route) => {
    const props = await (await route.fetch()).json();
    await route.fulfill({ json: { ...props, chat_template: "{% if enable_thinking %}" } });
  });
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.deepEqual(await page.$$eval("#models option", (all) => all.map(({ label }) => label)), ["SmolLM2-135M-Instruct", "small"]);
  await page.locator("#models").selectOption("small");
  await page.getByLabel("Reasoning").selectOption("Off");
  assert.deepEqual((await asked(page)).rest, { model: "small", chat_template_kwargs: { enable_thinking: false } });
  await page.locator("#models").selectOption("SmolLM2-135M-Instruct");
  await page.getByLabel("Reasoning").selectOption("On");
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { chat_template_kwargs: { enable_thinking: true } });
});

check("the language and the theme are chosen, and the column is closed by its own button", async () => {
  const page = await panel(READY, PHONE);
  await page.getByLabel("Language").selectOption("Deutsch");
  await page.waitForSelector("html[lang=de]");
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.equal(await page.textContent("#open-settings"), "Einstellungen");
  await page.getByLabel("Farbschema").selectOption("Dunkel");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.fill("#top_p", "5");
  assert.equal(await about(page, "#top_p"), "verletzt maximum: 1");
  await page.click("#close-panel");
  assert.ok(!(await page.isVisible("#panel")));
  assert.equal(await page.evaluate(() => document.activeElement.id), "open-settings");
});
