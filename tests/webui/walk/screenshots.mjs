// Takes the pictures in docs/screenshots of the executable at LMFILE_READY, and writes them into the folder LMFILE_SHOTS.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { READY, SHOTS, check, ended, open } from "../browser/harness.mjs";
import { picture } from "./png.mjs";

const WIDE = { viewport: { width: 1120, height: 720 }, locale: "en-US" };
const PHONE = { viewport: { width: 360, height: 640 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, locale: "en-US" };
const WAIT_MS = 240_000;
const BREAD = "How do I bake a simple bread? Answer with a table of four ingredients and a short numbered list of steps.";
const CODE = "Write a Python function that says whether a year is a leap year.";
const TIDES = "In one short paragraph: why are there tides?";

const keep = async (page, name) => {
  await page.evaluate(() => document.activeElement.blur());
  await page.mouse.move(1, 300);
  await writeFile(join(SHOTS, `${name}.png`), await picture(page));
};

async function visit(options = WIDE) {
  const page = await open(READY, options);
  page.setDefaultTimeout(WAIT_MS);
  await page.waitForSelector("#send:enabled");
  await page.click("#open-settings");
  await unfold(page, "Sampling");
  await page.fill("#temperature", "0");
  await page.fill("#max_tokens", "400");
  await page.click("#close-panel");
  return page;
}

/** Open this group of settings alone. */
const unfold = (page, name) => page.evaluate((wanted) => document.querySelectorAll("#panel > details").forEach((group) =>
  (group.open = group.querySelector("summary").textContent === wanted)), name);

async function ask(page, text, n = 1) {
  await page.fill("#input", text);
  await page.press("#input", "Enter");
  await ended(page, n);
}

const top = (page) => page.locator("#scroll").evaluate((main) => (main.scrollTop = 0));

const take = (name, action) => check(name, action, { expects: /./, limitMs: WAIT_MS });

take("welcome", async () => keep(await visit(), "welcome"));

take("chat, by day and by night", async () => {
  const page = await visit();
  await ask(page, TIDES);
  await page.click("#new");
  await ask(page, CODE);
  await page.emulateMedia({ colorScheme: "dark" });
  await top(page);
  await keep(page, "dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.click("#new");
  await ask(page, BREAD);
  await page.click("#show-sidebar");
  await page.waitForSelector("#conversations li + li + li");
  await top(page);
  await keep(page, "chat");
});

take("phone", async () => {
  const page = await visit(PHONE);
  await ask(page, TIDES);
  await top(page);
  await keep(page, "phone");
});

take("settings", async () => {
  const page = await visit();
  await page.click("#open-settings");
  await unfold(page, "JSON schema");
  await page.check("[name='schema.on']");
  await page.click("#schema-example");
  await ask(page, "Our oven is called Vesta, is 31 years old, and bakes every day.");
  await keep(page, "settings");
});

take("notebook", async () => {
  const page = await visit();
  await page.click("#show-sidebar");
  await page.click("#new-notebook");
  await page.click("#show-sidebar");
  await page.fill("#draft", "The baker opened the oven and");
  await page.click("#generate");
  await page.waitForFunction(() => document.querySelectorAll("#tokens span").length > 60);
  await page.click("#generate");
  const box = await page.locator("#tokens span").nth(5).boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.waitForSelector("#options:not([hidden])");
  await writeFile(join(SHOTS, "notebook.png"), await picture(page));
});
