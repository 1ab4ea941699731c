// The column of settings: what is chosen there is asked for, what is wrong is said, and what came back is judged.

import assert from "node:assert/strict";
import { CLICKED, PHONE, READY, ask, check, ended, lastAnswer, open, ready, shot } from "./harness.mjs";

const PROMPT = "You are Aunt Frieda.";

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

const about = (page, selector) => page.$eval(selector, (field) => {
  const place = document.getElementById(field.getAttribute("aria-describedby"));
  return [field.getAttribute("aria-invalid"), place.textContent];
});

check("numbers are asked for as they are set, with the server's own shown where none is", async () => {
  const page = await panel();
  assert.equal(await page.getAttribute("#temperature", "placeholder"), "0.8");
  assert.equal(await page.getAttribute("#max_tokens", "placeholder"), "∞");
  assert.deepEqual((await asked(page)).rest, {});
  await page.getByLabel("top_k").fill("7");
  await page.getByLabel("Longest answer, in tokens").fill("50");
  await page.getByLabel("Stop words").fill("END\n\\n\\n");
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { top_k: 7, max_tokens: 50, stop: ["END", "\n\n"] });
  await page.getByLabel("Preset").selectOption("Precise");
  assert.deepEqual((await asked(page, "Hello", 3)).rest, { temperature: 0.2, top_p: 0.9, max_tokens: 50, stop: ["END", "\n\n"] });
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.deepEqual(await page.$$eval("#temperature, #max_tokens, #preset", (fields) => fields.map(({ value }) => value)), ["precise", "0.2", "50"]);
  await page.fill("#min_p", "0.2");
  assert.equal(await page.inputValue("#preset"), "own");
  await page.click("#sampling-reset");
  assert.deepEqual([await page.inputValue("#preset"), await page.inputValue("#max_tokens")], ["balanced", ""]);
  await page.click("#new");
  assert.deepEqual((await asked(page)).rest, {});
});

check("a number that the server would refuse is marked with a sentence, and left out", async () => {
  const page = await panel();
  for (const [selector, text, sentence] of [["#top_p", "1.5", "A number from 0 to 1"], ["#top_k", "2.5", "A whole number from 0 to 16777216"], ["#seed", "-2", "A whole number from -1 to 4294967295"]]) {
    await page.fill(selector, text);
    assert.deepEqual(await about(page, selector), ["true", sentence]);
  }
  await page.focus("#min_p");
  await page.keyboard.type("e"); // the browser says that the field is empty
  assert.deepEqual(await about(page, "#min_p"), ["true", "A number from 0 to 1"]);
  await shot(page, "panel-wrong");
  assert.deepEqual((await asked(page)).rest, {});
  await page.fill("#top_p", "0.123");
  assert.deepEqual(await about(page, "#top_p"), ["false", ""]);
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
  assert.deepEqual((await asked(page, 'say exactly {"a": 1}')).rest, { response_format: { type: "json_object" } });
  await page.getByLabel("Example").selectOption("yes | no");
  await page.getByLabel("Example").selectOption("");
  assert.equal(await page.inputValue("#schema"), "");
  await page.getByLabel("Example").selectOption("{name, age}");
  const { json_schema: { schema, strict }, type } = (await asked(page, 'say exactly {"name": "Ann", "age": 7}', 2)).rest.response_format;
  assert.deepEqual([type, strict, schema.required], ["json_schema", true, ["name", "age"]]);
  assert.match(await page.textContent(".assistant:last-child .verdict"), /^✓/);
  await asked(page, 'say exactly {"name": "Ann", "age": "7"}', 3);
  assert.match(await page.textContent(".assistant:last-child .verdict"), /^✗.*\$\/age: breaks type: "integer"/s);
  await shot(page, "panel-schema");
  await page.getByLabel("Schema", { exact: true }).fill('{\n"type": "object",\n}');
  assert.ok(await page.getByLabel("Example").isDisabled()); // it would replace what a person has written
  const [invalid, sentence] = await about(page, "#schema");
  assert.equal(invalid, "true");
  assert.match(sentence, /^Not JSON: .*line 3/);
  assert.deepEqual((await asked(page, "Hello", 4)).rest, {});
});

check("what the server finds wrong with a schema is said", async () => {
  const page = await panel();
  await page.getByLabel("Answer in JSON").check();
  await page.getByLabel("Schema", { exact: true }).fill(`{"const": "${"x".repeat(70_000)}"}`);
  await ask(page, "Hello");
  assert.match(await page.textContent(".assistant .problem"), /at most 65536 bytes/);
}, { expects: /^Failed to load resource/ });

check("functions are declared, checked, changed and removed", async () => {
  const page = await panel();
  await page.getByLabel("Offer these functions").check();
  await page.click("#tool-add");
  await page.keyboard.type("get weather");
  assert.deepEqual(await about(page, "#tools input"), ["true", "1 to 64 letters, digits, _ or -, as no other is called"]);
  assert.deepEqual((await asked(page)).rest, {});
  await page.getByRole("textbox", { name: "Name" }).fill("get_weather");
  await page.getByLabel("Description").fill("The weather now");
  const parameters = page.getByLabel("Parameters, as JSON schema");
  await parameters.fill('{"type": "object"');
  assert.match((await about(page, "#tools .json"))[1], /^Not JSON/);
  await parameters.fill('{"type": "object", "properties": {"place": {"type": "string"}}}');
  const tool = { name: "get_weather", description: "The weather now", parameters: { type: "object", properties: { place: { type: "string" } } } };
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { tools: [{ type: "function", function: tool }] });
  await page.click("#tool-add");
  await page.keyboard.type("get_weather");
  assert.deepEqual((await asked(page, "Hello", 3)).rest.tools.length, 1);
  await page.locator("#tools input").last().fill("search");
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.deepEqual(await page.$$eval("#tools summary", (all) => all.map(({ textContent }) => textContent)), ["get_weather", "search"]);
  await page.click("#tools summary >> nth=0");
  await page.getByRole("button", { name: "Remove" }).click();
  assert.equal(await page.evaluate(() => document.activeElement.id), "tool-add");
  await page.click("#tool-add");
  await page.keyboard.type("another");
  const places = await page.$$eval(".problem[id]", (all) => all.map(({ id }) => id));
  assert.equal(new Set(places).size, places.length);
  await page.getByRole("button", { name: "Remove" }).last().click();
  await page.click("#new");
  assert.deepEqual((await asked(page)).rest.tools.map((one) => one.function.name), ["search"]);
});

check("a call is shown, and goes on with the result that a person gives", async () => {
  const page = await panel();
  await page.getByLabel("Offer these functions").check();
  await page.click("#tool-add");
  await page.keyboard.type("get_weather");
  await ask(page, 'say exactly {"name": "get_weather", "arguments": {"place": "Paris"}}');
  assert.equal(await page.textContent(".call summary"), "get_weather");
  assert.equal(await page.textContent(".call pre"), '{\n  "place": "Paris"\n}');
  await shot(page, "panel-call");
  const [request] = await Promise.all([
    page.waitForRequest((one) => one.url().endsWith("/chat/completions")),
    page.getByLabel("Result").fill("say exactly Sunny.").then(() => page.getByRole("button", { name: "Send result" }).click()),
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
  const [pirate, robot] = ["pirate", "robot"].map((name) => page.getByRole("checkbox", { name }));
  assert.deepEqual([await pirate.isChecked(), await robot.isChecked()], [true, false]);
  assert.equal(await lora(1), undefined);
  await robot.check();
  await page.getByRole("slider", { name: "robot" }).fill("0.5");
  assert.equal(await page.textContent(".adapter:last-child output"), "0.5");
  assert.deepEqual(await lora(2), [{ name: "pirate", scale: 1 }, { name: "robot", scale: 0.5 }]);
  await pirate.uncheck();
  assert.ok(await page.getByRole("slider", { name: "pirate" }).isDisabled());
  assert.deepEqual(await lora(3), [{ name: "robot", scale: 0.5 }]);
  await shot(page, "panel-adapters");
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await unfold(page);
  assert.deepEqual([await pirate.isChecked(), await robot.isChecked()], [false, true]);
  const listed = await page.evaluate(() => fetch("lora-adapters").then((answer) => answer.json()));
  assert.deepEqual(listed.map(({ scale }) => scale), [1, 0]);
  await robot.uncheck();
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
  assert.deepEqual(await page.$$eval("#model-choice option", (all) => all.map(({ label }) => label)), ["SmolLM2-135M-Instruct", "small"]);
  await page.locator("#model-choice").selectOption("small");
  assert.deepEqual(await page.$$eval("#reasoning option:enabled", (all) => all.map(({ label }) => label)), ["Automatic", "Off", "On"]);
  await page.getByLabel("Reasoning").selectOption("Off");
  assert.deepEqual((await asked(page)).rest, { model: "small", reasoning_effort: "none" });
  await page.locator("#model-choice").selectOption("SmolLM2-135M-Instruct");
  await page.getByLabel("Reasoning").selectOption("On");
  assert.deepEqual((await asked(page, "Hello", 2)).rest, { chat_template_kwargs: { enable_thinking: true } });
});

check("the language and the theme are chosen, and the column is closed by its own button", async () => {
  const page = await panel(READY, PHONE);
  await page.getByLabel("Language").selectOption("Deutsch");
  assert.equal(await page.textContent("#open-settings"), "Einstellungen");
  await page.fill("#top_p", "5");
  assert.deepEqual(await about(page, "#top_p"), ["true", "Eine Zahl von 0 bis 1"]);
  await page.getByLabel("Farbschema").selectOption("Dunkel");
  assert.equal(await page.getAttribute("html", "data-theme"), "dark");
  await page.click("#close-panel");
  assert.ok(!(await page.isVisible("#panel")));
  assert.equal(await page.evaluate(() => document.activeElement.id), "open-settings");
});
