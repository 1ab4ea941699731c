// The notebook: a text that goes on, its tokens by pointer and by keyboard, and what a person writes between them.

import assert from "node:assert/strict";
import { check, ready, shot } from "./harness.mjs";

const COUNT = 2000;
const TEXT = "Once alpha beta\n🦄 omega";

/** A page with a notebook that holds `text`. */
async function notebook(text) {
  const page = await ready();
  if (await page.isHidden("#sidebar")) await page.click("#show-sidebar");
  await page.click("#new-notebook");
  await page.fill("#draft", text);
  return page;
}

const written = (page) => page.evaluate(() => document.querySelector("#tokens:not([hidden])")?.textContent ?? document.querySelector("#draft").value);
const tokens = (page) => page.locator("#tokens span").allTextContents();
const options = (page) => page.locator("#options p").allTextContents();
const idle = (page) => page.waitForFunction(() => document.querySelector("#generate").textContent === "Continue");

async function generate(page) {
  const before = await page.locator("#tokens:not([hidden]) span").count();
  await page.keyboard.press("Control+Enter");
  await page.waitForFunction((count) => document.querySelectorAll("#tokens:not([hidden]) span").length > count, before);
  await idle(page);
}

async function generated() {
  const page = await notebook("Once");
  await generate(page);
  return page;
}

check("a text goes on, token by token; its text is kept over a reload; a new chat is a chat", async () => {
  const page = await generated();
  assert.equal(await written(page), TEXT);
  assert.deepEqual(await tokens(page), [" alpha", " beta", "\n", "🦄", " omega"]);
  await shot(page, "notebook");
  await page.waitForFunction(() => location.hash.includes("chat="), null, { timeout: 20_000 });
  await page.reload();
  await page.waitForSelector("#send:enabled", { state: "attached" });
  await page.waitForFunction((text) => document.querySelector("#draft").value === text, TEXT);
  await page.click("#new");
  assert.ok(await page.isHidden("#notebook"));
  assert.ok(await page.isVisible("#composer"));
});

check("a token tells what else it could have been: under the pointer and until Escape; and by keyboard", async () => {
  const page = await generated();
  await page.hover("#tokens span >> nth=1");
  assert.deepEqual(await options(page), ["␣beta 50 %", "␣other 25 %"]);
  await shot(page, "notebook-alternatives");
  await page.hover("#options");
  assert.ok(await page.isVisible("#options"));
  await page.keyboard.press("Escape");
  assert.ok(await page.isHidden("#options"));
  await page.mouse.move(2, 2);
  await page.focus("#tokens");
  await page.keyboard.press("ArrowLeft");
  assert.deepEqual(await options(page), ["␣omega 50 %", "␣other 25 %"]);
  for (let times = 0; times < 9; times += 1) await page.keyboard.press("ArrowLeft");
  assert.deepEqual(await options(page), ["␣alpha 50 %", "␣other 25 %"]);
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  assert.deepEqual((await options(page))[0], "⏎ 50 %");
});

check("undo takes back one generation after the other", async () => {
  const page = await generated();
  await generate(page);
  assert.equal((await tokens(page)).length, 10);
  await page.click("#undo");
  assert.equal(await written(page), TEXT);
  await page.click("#undo");
  assert.equal(await written(page), "Once");
  assert.ok(await page.isDisabled("#undo"));
});

check("a key or a click turns it into the field, and nothing is lost", async () => {
  const page = await generated();
  await page.keyboard.type("!");
  assert.equal(await page.inputValue("#draft"), `${TEXT}!`);
  await generate(page);
  await page.click("#tokens span >> nth=1", { position: { x: 1, y: 5 } });
  assert.equal(await page.inputValue("#draft"), `${TEXT}! alpha beta\n🦄 omega`);
  await page.keyboard.type("X");
  assert.match(await page.inputValue("#draft"), /! alphaX beta\n🦄 omega$/);
  await generate(page);
  assert.match(await written(page), /! alphaX beta\n🦄 omega alpha beta\n🦄 omega$/);
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
  const bottom = await page.evaluate(() => document.querySelector("#tokens span:last-child").getBoundingClientRect().bottom - document.querySelector("#paper").getBoundingClientRect().bottom);
  assert.ok(bottom < 0, "the end is in sight");
});

check("it is stopped by its button, by Escape and by writing", async () => {
  const page = await notebook("slowly count 500");
  for (const stop of [() => page.click("#generate"), () => page.keyboard.press("Escape"), () => page.keyboard.type("x")]) {
    const before = (await tokens(page)).length;
    await page.keyboard.press("Control+Enter");
    await page.waitForFunction((count) => document.querySelectorAll("#tokens span").length > count + 1, before);
    assert.equal(await page.textContent("#generate"), "Stop");
    await stop();
    await idle(page);
  }
  assert.match(await page.inputValue("#draft"), /^slowly count 500 word0 word1.*x$/);
});
