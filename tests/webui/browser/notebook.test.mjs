// The notebook: a text that goes on, its tokens by pointer and by keyboard, and what a person writes between them.

import assert from "node:assert/strict";
import { check, ready, shot } from "./harness.mjs";

const COUNT = 2000;

/** A page with an empty notebook. */
async function notebook(text = "", options = {}) {
  const page = await ready(undefined, options);
  if (await page.isHidden("#sidebar")) await page.click("#show-sidebar");
  await page.click("#new-notebook");
  await page.fill("#draft", text);
  return page;
}

const written = (page) => page.inputValue("#draft");
const tokens = (page) => page.locator("#tokens span").allTextContents();
const idle = (page) => page.waitForFunction(() => document.querySelector("#generate").textContent === "Generate");
const options = async (page) => (await page.locator("#options [role=option]").allTextContents()).map((text) => text.split(/\s/)[0]);

async function generated(text) {
  const page = await notebook(text);
  await page.press("#draft", "Control+Enter");
  await page.waitForFunction(() => document.querySelector("#draft").value.endsWith("omega"));
  await idle(page);
  return page;
}

/** The field and the pieces below it have one text, line for line. */
async function aligned(page) {
  const [text, below, heights] = await page.evaluate(() => {
    const [field, pieces] = ["draft", "tokens"].map((id) => document.getElementById(id));
    return [field.value, pieces.textContent, [field.clientHeight, field.scrollHeight, pieces.clientHeight]];
  });
  assert.equal(below, text);
  assert.ok(Math.max(...heights) - Math.min(...heights) <= 2, String(heights));
}

check("a text goes on; parts of characters are joined; it is all the same below", async () => {
  const page = await generated("Once");
  assert.equal(await written(page), "Once alpha beta\n🦄 omega");
  assert.deepEqual(await tokens(page), [" alpha", " beta", "\n", "🦄", " omega"]);
  await aligned(page);
  await shot(page, "notebook");
});

check("a token tells what else it could have been: under the pointer, until Escape, and while the pointer is there", async () => {
  const page = await generated("Once");
  const { x, y, width, height } = await page.locator("#tokens span").nth(1).boundingBox();
  await page.mouse.move(x + width / 2, y + height / 2);
  await page.waitForSelector("#options:not([hidden])");
  assert.deepEqual(await options(page), ["␣beta", "␣other"]);
  assert.match(await page.textContent("#options"), /50 %.*25 %/);
  await shot(page, "notebook-alternatives");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#options", { state: "hidden" });
  await page.mouse.move(x + width / 2 + 1, y + height / 2);
  await page.waitForSelector("#options:not([hidden])");
  await page.hover("#options [role=option] >> nth=1");
  await page.waitForTimeout(500);
  assert.ok(await page.isVisible("#options"));
  await page.click("#options [role=option] >> nth=1");
  assert.equal(await written(page), "Once alpha other");
  assert.ok(await page.isHidden("#options"));
  await page.mouse.move(2, 2);
  await page.click("#generate");
  await page.waitForFunction(() => document.querySelector("#draft").value.endsWith("omega"));
  assert.equal(await written(page), "Once alpha other alpha beta\n🦄 omega");
  await aligned(page);
});

check("the same by keyboard", async () => {
  const page = await generated("Once");
  await page.evaluate(() => document.querySelector("#draft").setSelectionRange(7, 7));
  await page.press("#draft", "Alt+ArrowDown");
  const focused = () => page.evaluate(() => [document.activeElement.role ?? document.activeElement.getAttribute("role"), document.activeElement.textContent]);
  assert.deepEqual(await focused(), ["option", "␣alpha 50 %"]);
  await page.keyboard.press("ArrowRight");
  assert.deepEqual(await focused(), ["option", "␣beta 50 %"]);
  for (let times = 0; times < 9; times += 1) await page.keyboard.press("ArrowRight");
  assert.deepEqual(await options(page), ["␣omega", "␣other"]);
  await page.keyboard.press("ArrowLeft");
  assert.deepEqual(await options(page), ["␣other", "🦄"]);
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  assert.equal(await written(page), "Once alpha beta other");
  assert.equal(await page.evaluate(() => document.activeElement.id), "draft");
  await page.press("#draft", "Alt+ArrowDown");
  await page.keyboard.press("Escape");
  assert.ok(await page.isHidden("#options"));
  assert.equal(await page.evaluate(() => document.activeElement.id), "draft");
});

check("undo takes back one generation after the other; what was written in between stays", async () => {
  const page = await generated("Once");
  await page.press("#draft", "End");
  await page.keyboard.type(" and");
  await page.click("#generate");
  await page.waitForFunction(() => document.querySelectorAll("#tokens span").length === 10);
  await idle(page);
  await page.click("#undo");
  assert.equal(await written(page), "Once alpha beta\n🦄 omega and");
  await page.click("#undo");
  assert.equal(await written(page), "Once and");
  assert.ok(await page.isDisabled("#undo"));
  await aligned(page);
});

check("what is edited is a person's; tokens elsewhere stay", async () => {
  const page = await generated("Once");
  const edit = (from, to, text) => page.evaluate(([start, end, piece]) => {
    const field = document.querySelector("#draft");
    field.focus();
    field.setSelectionRange(start, end);
    document.execCommand(piece ? "insertText" : "delete", false, piece);
  }, [from, to, text]);
  await edit(0, 4, "Twice");
  assert.deepEqual(await tokens(page), [" alpha", " beta", "\n", "🦄", " omega"]);
  await edit(8, 9, "X");
  assert.deepEqual(await tokens(page), [" beta", "\n", "🦄", " omega"]);
  await edit(11, 11, "!");
  assert.equal(await written(page), "Twice alXha! beta\n🦄 omega");
  assert.deepEqual(await tokens(page), [" beta", "\n", "🦄", " omega"]);
  await aligned(page);
  await edit(0, 99, "");
  assert.deepEqual([await written(page), await tokens(page)], ["", []]);
  await edit(0, 0, "new");
  await aligned(page);
});

check(`${COUNT} tokens; what is drawn does not wait for each`, async () => {
  const page = await notebook(`count ${COUNT}`);
  await page.evaluate(() => {
    window.frames_ = [];
    let last = performance.now();
    const step = (now) => {
      window.frames_.push(now - last);
      last = now;
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  });
  await page.click("#generate");
  await page.waitForFunction((count) => document.querySelectorAll("#tokens span").length === count, COUNT, { timeout: 40_000 });
  await idle(page);
  const frames = await page.evaluate(() => window.frames_.sort((one, other) => one - other));
  const median = frames[frames.length >> 1];
  console.log(`frames: median ${median.toFixed(1)} ms, longest ${frames.at(-1).toFixed(0)} ms, ${frames.length} of them`);
  assert.ok(median < 170, `median ${median} ms`);
  await aligned(page);
});

check("it is stopped by its button, by Escape and by writing", async () => {
  const page = await notebook("slowly count 500");
  for (const stop of [() => page.click("#generate"), () => page.press("#draft", "Escape"), () => page.type("#draft", "x")]) {
    const before = (await tokens(page)).length;
    await page.press("#draft", "Control+Enter");
    await page.waitForFunction((count) => document.querySelectorAll("#tokens span").length > count + 1, before);
    assert.equal(await page.textContent("#generate"), "Stop");
    await stop();
    await idle(page);
    await aligned(page);
  }
  assert.match(await written(page), /x$/);
});

check("the text is kept over a reload; a new chat is a chat", async () => {
  const page = await generated("Once");
  await page.waitForFunction(() => location.hash.includes("chat="), null, { timeout: 20_000 });
  await page.reload();
  await page.waitForSelector("#send:enabled", { state: "attached" });
  await page.waitForFunction(() => document.querySelector("#draft").value.endsWith("omega"));
  await page.click("#new");
  assert.ok(await page.isHidden("#notebook"));
  assert.ok(await page.isVisible("#composer"));
});
