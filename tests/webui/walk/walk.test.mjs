// A person's first day with the page of a real executable, step by step, each with a picture (LMFILE_SHOTS).
//
// LMFILE_READY: the executable that test_walk.py packed, with its assistant and adapters. LMFILE_LOADING: a server that loads for a while.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { LOADING, REFUSED, check, ended, lastAnswer, open, shot } from "../browser/harness.mjs";

const WIDE = { viewport: { width: 1200, height: 800 }, locale: "en-US" };
const LIMIT_MS = 280_000;
const STEP_MS = 60_000; // a small model writes at its own pace
const PDF = new URL("../data/groff.pdf", import.meta.url);
const FRANCE = "What is the capital city of France?";
const ITALY = "What is the capital city of Italy?";
let n = 0;

/** One step: what is done, and a picture of how it looks. */
async function step(page, name, action) {
  n += 1;
  await action().catch((error) => {
    throw new Error(`step ${n}, ${name}: ${error.message}`, { cause: error });
  });
  await shot(page, `${String(n).padStart(2, "0")} ${name}`);
}

check("a first day", async () => {
  const waiting = await open(LOADING, WIDE);
  await step(waiting, "loading", () => waiting.waitForSelector("#loading:not([hidden])"));
  await waiting.close();

  const page = await open(undefined, WIDE);
  page.setDefaultTimeout(STEP_MS);
  const on = (name) => page.getByRole("button", { name, exact: true });
  const act = (turn, name) => page.locator(`.turn >> nth=${turn}`).getByRole("button", { name, exact: true }).click();
  const group = (name) => page.locator("#panel > details", { has: page.locator(`summary:text-is("${name}")`) });
  const unfold = async (name) => {
    if (await page.isHidden("#panel")) await page.click("#open-settings");
    if (await group(name).getAttribute("open") === null) await group(name).locator("summary").first().click();
  };
  const ask = async (text, answers = 1) => {
    await page.fill("#input", text);
    await page.press("#input", "Enter");
    await ended(page, answers);
  };
  const fresh = async (text) => {
    await page.click("#new");
    await ask(text);
  };
  const grows = (length) => page.waitForFunction((least) => document.querySelector(".writing .text")?.textContent.length > least, length);
  const turns = (role) => page.locator(`.${role} .text`).allTextContents();

  await step(page, "open", async () => {
    await page.waitForSelector("#send:enabled");
    assert.equal(await page.title(), "Bread Book");
    assert.equal(await page.textContent("#greeting"), "What shall we bake?");
    assert.equal(await page.locator("#starters button").count(), 3);
    assert.equal(await page.evaluate(() => document.documentElement.style.getPropertyValue("--own")), "#8a4b14");
  });
  await step(page, "sampling", async () => {
    await unfold("Sampling");
    await page.click("#precise");
    assert.equal(await page.inputValue("#temperature"), "0.2");
    await page.fill("#temperature", "0");
    await page.fill("#max_tokens", "120"); // a small model does not always find an end
  });
  await step(page, "a starter is asked", async () => {
    await page.click("#close-panel");
    await page.click("#starters button");
    await ended(page);
    assert.ok((await lastAnswer(page)).length > 20);
    assert.match(await page.textContent("#speed"), /tokens\/s · .* left/);
  });
  await step(page, "ask", async () => {
    await fresh(FRANCE);
    assert.ok((await lastAnswer(page)).length > 2);
  });
  await step(page, "an answer is written", async () => {
    await page.fill("#input", "Write a long story about a ship, a storm and a lighthouse.");
    await page.press("#input", "Enter");
    await grows(200);
  });
  await step(page, "stop", async () => {
    await page.click("#send");
    await ended(page, 2);
    assert.ok((await lastAnswer(page)).length >= 200);
  });
  await step(page, "continue", async () => {
    const before = (await lastAnswer(page)).trim();
    await act(3, "Continue");
    await grows(before.length + 100);
    await page.keyboard.press("Escape");
    await ended(page, 2);
    assert.ok((await lastAnswer(page)).startsWith(before.slice(0, 150)));
  });
  await step(page, "regenerate", async () => {
    await act(3, "Regenerate");
    await grows(50);
    await page.keyboard.press("Escape");
    await ended(page, 2);
    assert.equal(await page.textContent(".assistant:last-child .where"), "2/2");
  });
  await step(page, "an edit", async () => {
    await act(0, "Edit");
    await page.fill(".editing textarea", ITALY);
  });
  await step(page, "edited", async () => {
    await on("Send").first().click();
    await ended(page, 1);
    assert.deepEqual(await turns("user"), [ITALY]);
  });
  await step(page, "the other branch", async () => {
    await on("Previous version").click();
    assert.equal((await turns("user"))[0], FRANCE);
    assert.equal((await turns("assistant")).length, 2);
  });
  await step(page, "JSON schema", async () => {
    await page.click("#new");
    await unfold("JSON schema");
    await page.check("[name='schema.on']");
    await page.click("#schema-example");
    await ask("The oven Vesta is 31 years old. Which oven is it?");
    assert.match(await page.textContent(".verdict"), /The answer follows the schema/);
    const { name, age } = JSON.parse(await page.locator(".assistant pre code").textContent());
    assert.deepEqual([typeof name, Number.isInteger(age)], ["string", true]);
    await page.uncheck("[name='schema.on']");
  });
  await step(page, "adapters", async () => {
    await group("JSON schema").locator("summary").first().click();
    await group("Sampling").locator("summary").first().click();
    await unfold("Model and adapters");
    await page.fill(".adapter:has-text('pirate') input", "1");
    await fresh("Who are you?");
    assert.match(await lastAnswer(page), /^Arrr!/);
  });
  await step(page, "no adapter", async () => {
    await page.fill(".adapter:has-text('pirate') input", "0");
    await page.click("#close-panel");
  });
  await step(page, "files", async () => {
    await page.click("#new");
    const note = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("The lighthouse keeper is called Ingrid. She has two cats.\n") };
    await page.setInputFiles("#pick", [note, { name: "tea.pdf", mimeType: "application/pdf", buffer: await readFile(PDF) }]);
    await page.waitForFunction(() => document.querySelectorAll("#files .file").length === 2);
    assert.match(await page.textContent("#sum"), /^[\d,]+ tokens in files, [\d,]+ fit$/);
    await page.fill("#input", "What is the lighthouse keeper called?");
  });
  await step(page, "an answer about files", async () => {
    await page.press("#input", "Enter");
    await ended(page);
    assert.equal(await page.locator(".user .file").count(), 2);
    assert.ok((await lastAnswer(page)).length > 2);
  });
  let exported;
  await step(page, "list", async () => {
    await page.click("#show-sidebar");
    await page.waitForFunction(() => document.querySelectorAll("#conversations li").length === 5);
  });
  const menu = async (title, action) => {
    await page.getByLabel(`Actions: ${title}`).click();
    await page.click(`#conversations [open] button:text-is("${action}")`);
  };
  const saved = async (title, action) => {
    const [download] = await Promise.all([page.waitForEvent("download"), menu(title, action)]);
    return { name: download.suggestedFilename(), mimeType: "text/plain", buffer: await readFile(await download.path()) };
  };
  await step(page, "export", async () => {
    exported = await saved(FRANCE, "Export (JSON)");
    assert.ok(JSON.parse(exported.buffer).conversations[0].nodes);
    await page.keyboard.press("Escape");
    assert.match((await saved(FRANCE, "Export (Markdown)")).buffer.toString(), /^# .*France.*\n\n(.*\n)*## User\n/);
    await page.keyboard.press("Escape");
    await page.getByLabel(`Actions: ${FRANCE}`).click();
  });
  await step(page, "rename", async () => {
    await page.keyboard.press("Escape");
    await page.getByLabel("Actions: Who are you?").click();
    await page.fill("#conversations [open] input", "The pirate");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#conversations .open:text-is('The pirate')");
  });
  await step(page, "search", async () => {
    await page.fill("#search", "lighthouse");
    await page.waitForFunction(() => /\d/.test(document.getElementById("found").textContent));
  });
  await step(page, "delete", async () => {
    await page.fill("#search", "");
    await page.waitForFunction(() => document.querySelectorAll("#conversations li").length === 5);
    await menu(FRANCE, "Delete");
    await page.waitForSelector("#question[open]");
  });
  await step(page, "deleted", async () => {
    await page.click("#yes");
    await page.waitForFunction(() => document.querySelectorAll("#conversations li").length === 4);
  });
  await step(page, "import", async () => {
    await page.setInputFiles("#import-files", exported);
    await page.waitForFunction(() => document.querySelectorAll("#conversations li").length === 5);
    await page.waitForFunction((text) => document.querySelector(".user .text")?.textContent === text, FRANCE);
  });
  await step(page, "notebook", async () => {
    await page.click("#new-notebook");
    await page.fill("#draft", "The lighthouse stood");
    await page.click("#generate");
    await page.waitForFunction(() => document.querySelectorAll("#tokens span").length > 12);
    if (await page.textContent("#generate") === "Stop") await page.click("#generate");
    await page.press("#tokens", "ArrowLeft");
    await page.waitForSelector("#options p");
    assert.match(await page.textContent("#options"), /\d %/);
  });
  await step(page, "notebook, probabilities", async () => {
    const box = await page.locator("#tokens span").nth(3).boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.waitForSelector("#options:not([hidden])");
  });
  await page.mouse.move(2, 400);
  await page.click(`#conversations .open:text-is("${FRANCE}")`);
  for (const theme of ["dark", "contrast", "light"]) {
    await step(page, theme, async () => {
      await unfold("Appearance");
      await page.selectOption("#theme", theme);
      await page.waitForSelector(`[data-theme=${theme}]`);
    });
  }
  await step(page, "German", async () => {
    await page.selectOption("#language", "de");
    await page.waitForSelector("html[lang=de]");
    assert.equal(await page.textContent("#new"), "Neuer Chat");
  });
  await step(page, "help", async () => {
    await unfold("Darstellung"); // another language begins the page anew
    await page.selectOption("#language", "en");
    await page.waitForSelector("html[lang=en]");
    await page.click("#help");
    await page.waitForSelector("#shortcuts[open]");
  });
  await page.keyboard.press("Escape");
  await step(page, "phone", async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    await page.waitForSelector("#sidebar", { state: "hidden" });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    assert.ok(await page.isVisible("#input"));
  });
  await step(page, "phone, list", () => page.click("#show-sidebar"));
  await step(page, "phone, settings", async () => {
    await page.keyboard.press("Escape");
    await page.click("#open-settings");
  });
  await step(page, "quit", async () => {
    await page.keyboard.press("Escape");
    await page.click("#quit");
    await page.waitForSelector("#question[open]");
  });
  await step(page, "ended", async () => {
    await page.click("#yes");
    await page.waitForSelector("#over[open]");
    assert.match(await page.textContent("#over"), /Bread Book has ended/);
  });
}, { expects: REFUSED, limitMs: LIMIT_MS });
