// What the tests in a real browser share: one Chromium, fresh pages, and checks that fail on whatever a page should not have done.
//
// Addresses come from the environment: LMFILE_READY, LMFILE_LOADING (ready after a while), LMFILE_LOCKED (key "sesame"),
// LMFILE_CLICKED (as a double click starts it: with a publisher's assistant, adapters and an end).

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { chromium } from "playwright-core";

export const { LMFILE_READY: READY, LMFILE_LOADING: LOADING, LMFILE_LOCKED: LOCKED, LMFILE_CLICKED: CLICKED, LMFILE_SHOTS: SHOTS } = process.env;
export const REFUSED = /^Failed to load resource/;
export const PHONE = { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true };
const LIMIT_MS = 60_000;
const pages = [];
let browser;

after(async () => (await browser)?.close());

/** The system's Chromium, in which `evil.example` is this computer. */
export const launch = (...args) => chromium.launch({
  executablePath: process.env.LMFILE_BROWSER ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--host-resolver-rules=MAP *.example 127.0.0.1", ...args],
});

/** A page of a fresh profile; what its console says (with breaches of its policy) is kept in `page.said`, what it asks of other origins in `page.left`. */
export async function open(address = READY, options = {}) {
  browser ??= launch();
  const context = await (await browser).newContext({ permissions: ["clipboard-read", "clipboard-write"], ...options });
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) =>
    console.error(`policy: ${event.effectiveDirective} forbids ${event.blockedURI} ${event.sample}`)));
  const page = watch(await context.newPage(), new URL(address).origin);
  await page.goto(address);
  return page;
}

/** Another tab of the same profile. */
export async function tab(page, address = page.url()) {
  const other = watch(await page.context().newPage(), new URL(address).origin);
  await other.goto(address);
  return other;
}

function watch(page, origin) {
  page.setDefaultTimeout(15_000);
  Object.assign(page, { said: [], left: [] });
  page.on("console", (message) => page.said.push(message.text()));
  page.on("pageerror", (error) => page.said.push(String(error)));
  page.on("request", (request) => /^(http|ws)/.test(request.url()) && new URL(request.url()).origin !== origin && page.left.push(request.url()));
  pages.push(page);
  return page;
}

/** A page on which a message can be sent. */
export async function ready(address, options) {
  const page = await open(address, options);
  await page.waitForSelector("#send:enabled");
  return page;
}

/** Waits until `n` answers have ended. */
export const ended = (page, n = 1) =>
  page.waitForFunction((count) => document.querySelectorAll(".assistant:not(.writing) .actions").length === count, n);

/** Sends `text`, and waits until that makes `n` answers. */
export async function ask(page, text, n = 1) {
  await page.fill("#input", text);
  await page.press("#input", "Enter");
  await ended(page, n);
}

export const lastAnswer = (page) => page.textContent(".assistant:last-child .text");

/** Keeps a picture of the page in the folder LMFILE_SHOTS, where that is set. */
export async function shot(page, name) {
  if (!SHOTS) return;
  await mkdir(SHOTS, { recursive: true });
  await page.screenshot({ path: join(SHOTS, `${name}.png`) });
}

/** Closes a page and its profile; what a route of it still waits for is of no interest. */
async function close(page) {
  if (!page.isClosed()) await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.context().close();
}

/** A test whose pages are closed at its end. It fails when one of them said something, or asked another origin for something, that `expects` does not match. */
export function check(name, action, { expects = /^$/, limitMs = LIMIT_MS } = {}) {
  test(name, { timeout: limitMs }, async () => {
    try {
      await action().catch((error) => {
        throw new Error(`${error.message}\nThe pages said: ${pages.flatMap(({ said }) => said).join("\n")}`, { cause: error });
      });
      const wrong = pages.flatMap((page) => [...page.said, ...page.left]).filter((text) => !expects.test(text));
      assert.deepEqual(wrong, []);
    } finally {
      await Promise.all(pages.splice(0).map(close));
    }
  });
}
