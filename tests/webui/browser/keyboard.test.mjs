// The page by keyboard and screen reader: shortcuts and their sheet, where the focus goes, what is read out, how large targets are.

import assert from "node:assert/strict";
import { PHONE, READY, ask, check, ready, shot } from "./harness.mjs";

check("the sheet of shortcuts opens by keys and button, holds the focus, and gives it back", async () => {
  const page = await ready();
  await page.focus("#input");
  await page.keyboard.press("Control+/");
  await page.waitForSelector("#shortcuts[open]");
  assert.ok((await page.locator("#keys dt").count()) >= 9);
  for (let n = 0; n < 5; n += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("#shortcuts") !== null));
  }
  await shot(page, "shortcuts");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "input");
});

check("every shortcut of the sheet does something", async () => {
  const page = await ready();
  await ask(page, "one");
  await page.keyboard.press("Control+Shift+Enter");
  await page.waitForSelector(".branches");
  for (const [keys, id] of [["Control+b", "sidebar"], ["Control+;", "panel"]]) {
    const before = await page.isVisible(`#${id}`);
    await page.keyboard.press(keys);
    assert.notEqual(await page.isVisible(`#${id}`), before, keys);
    await page.keyboard.press(keys);
    assert.equal(await page.isVisible(`#${id}`), before, keys);
  }
  await page.keyboard.press("Control+k");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.press("Control+i");
  assert.equal(await page.evaluate(() => document.activeElement.id), "input");
  await page.keyboard.press("Control+Shift+O");
  await page.waitForSelector("#welcome:not([hidden])");
});

check("nothing that can be pressed is smaller than 24 pixels (WCAG 2.5.8)", async () => {
  for (const options of [PHONE, {}]) {
    const page = await ready(READY, options);
    await ask(page, "sample");
    for (const opened of [null, "open-settings", "show-sidebar", "help"]) {
      if (opened) await page.evaluate((id) => document.getElementById(id).click(), opened);
      const small = await page.evaluate(() => [...document.querySelectorAll("button, select, summary, input:not([type=checkbox], [type=range], [hidden])")]
        .filter((one) => one.checkVisibility()).map((one) => [one.id || one.textContent, one.getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 24 || height < 24).map(([name, { width, height }]) => `${name}: ${width} x ${height}`));
      assert.deepEqual(small, [], String(opened));
    }
  }
});

check("the focus stays where something was done, also when its button goes (WCAG 2.4.3)", async () => {
  const page = await ready();
  const focused = () => page.evaluate(() => document.activeElement.className);
  await ask(page, "Hello");
  await page.focus(".again");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".assistant:not(.writing) .branches");
  assert.match(await focused(), /^turn/);
  await page.focus(".branches button:enabled");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".where").textContent === "1/2");
  assert.equal(await focused(), "turn assistant");
  await page.focus(".user .edit");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "turn user");
  for (const [opener, first] of [["show-sidebar", "search"], ["open-settings", "close-panel"]]) {
    await page.click(`#${opener}`);
    assert.equal(await page.evaluate(() => document.activeElement.id), first);
    await page.keyboard.press("Escape");
    assert.equal(await page.evaluate(() => document.activeElement.id), opener);
  }
});

check("what is opened is not read out, and an answer when it is whole", async () => {
  const page = await ready();
  const log = () => page.evaluate(() => ["aria-live", "aria-busy"].map((name) => document.getElementById("log").getAttribute(name)));
  assert.deepEqual(await log(), ["off", "false"]);
  await page.fill("#input", "slow");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".writing");
  assert.deepEqual(await log(), ["polite", "true"]);
  await page.keyboard.press("Escape");
  await page.waitForSelector(".assistant:not(.writing) .actions");
  assert.deepEqual(await log(), ["polite", "false"]);
  await page.click("#new");
  assert.deepEqual(await log(), ["off", "false"]);
});
