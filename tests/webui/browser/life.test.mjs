// The life of a double click as a page lives it: it says that it is open and that it leaves, ends the program, and notices its end.

import assert from "node:assert/strict";
import { CLICKED, READY, REFUSED, check, open, ready, shot, tab } from "./harness.mjs";

const BEAT_MS = 20_000;
const LOOK_MS = 2000;
const COVER = "#over[open]";
const refused = { expects: REFUSED };

/** How many pages the program knows, asked as a page that comes and goes. */
async function pages() {
  let answer;
  for (const left of [false, true]) {
    const body = JSON.stringify({ page: "test", left });
    answer = await fetch(`${CLICKED}/presence`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  }
  return (await answer.json()).pages;
}

/** Waits until the program knows `n` pages. */
async function until(n) {
  for (let tries = 0, found; (found = await pages()) !== n; tries++) {
    assert.ok(tries < 100, `${found} pages, and not ${n}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

check("a page is known while it is open, through reloads, and until it is closed", async () => {
  const page = await ready(CLICKED);
  await until(1);
  const other = await tab(page);
  await until(2);
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await until(2);
  await other.close();
  await until(1);
  await page.goto("about:blank");
  await until(0);
});

check("a page says again and again that it is open, and is covered while nobody hears it", async () => {
  const page = await open(CLICKED);
  await page.clock.install();
  await page.reload();
  await page.waitForSelector("#send:enabled");
  const said = [];
  page.on("request", (request) => request.url().endsWith("/presence") && said.push(request.postDataJSON()));
  for (let n = 1; n <= 3; n++) await Promise.all([page.waitForResponse("**/presence"), page.clock.fastForward(BEAT_MS)]);
  assert.equal(new Set(said.map(({ page: name }) => name)).size, 1);
  assert.ok(said.every(({ left }) => !left));

  await page.fill("#input", "half a sentence");
  await page.route("**/*", (route) => route.abort());
  await page.clock.fastForward(BEAT_MS);
  await page.waitForSelector(COVER);
  assert.match(await page.textContent(COVER), /Bread Book has ended\. Open it again to go on\./);
  for (let n = 0; n < 3; n++) {
    await page.keyboard.press("Escape");
    await page.waitForSelector(COVER); // there is nothing below that would work
  }
  await shot(page, "ended");
  await page.unroute("**/*");
  await page.clock.fastForward(LOOK_MS);
  await page.waitForSelector(COVER, { state: "detached" });
  assert.equal(await page.inputValue("#input"), "half a sentence");

  await page.evaluate(() => (document.body.dataset.before = "yes"));
  await page.route("**/presence", (route) => route.abort());
  await page.clock.fastForward(BEAT_MS);
  await page.waitForSelector(COVER);
  await page.route("**/assistant", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), instance: "another start of the program" } });
  });
  await page.click(`${COVER} button`);
  await page.waitForSelector("body:not([data-before])");
}, refused);

check("Quit asks first, and then ends the program; without a double click there is none", async () => {
  assert.ok(await (await ready(READY)).isHidden("#quit"));
  const page = await ready(CLICKED);
  await page.click("#quit");
  assert.match(await page.textContent("#asked"), /Quit Bread Book\?/);
  await page.click("#question button:not(#yes)");
  assert.equal((await fetch(`${CLICKED}/assistant`)).status, 200);
  await page.click("#quit");
  await page.click("#yes");
  await page.waitForSelector(COVER);
  await assert.rejects(fetch(`${CLICKED}/assistant`), "nobody listens there any more");
  await Promise.all([page.waitForEvent("requestfailed"), page.click(`${COVER} button`)]);
  assert.ok(await page.isVisible(COVER));
}, refused);
