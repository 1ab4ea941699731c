// Light, dark and high contrast: what is chosen, what the system says, whether everything can be read; and the keyboard's own sheet.

import assert from "node:assert/strict";
import { contrast } from "../../../webui/theme.js";
import { PHONE, READY, REFUSED, ask, check, open, ready, shot } from "./harness.mjs";

const colours = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
const paper = async (page) => colours(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
const isDark = async (page) => contrast(await paper(page), [255, 255, 255]) > 7;

async function use(page, theme) {
  await page.evaluate(async (name) => (await import("./theme.js")).setTheme(name), theme);
}

/** Texts, and borders of what can be used, with their colours and what is behind them. */
function seen() {
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/^rgba.*, 0\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const found = [];
  for (const one of document.querySelectorAll("body *")) {
    if (!one.checkVisibility({ opacityProperty: true }) || one.closest(":disabled, option, #tokens")) continue;
    const style = getComputedStyle(one);
    const name = `${one.localName}#${one.id}.${one.className.baseVal ?? one.className}`;
    if ([...one.childNodes].some(({ nodeType, data }) => nodeType === 3 && data.trim())) found.push([name, style.color, behind(one), 4.5]);
    if (one.placeholder && !one.value) found.push([`${name}::placeholder`, getComputedStyle(one, "::placeholder").color, behind(one), 4.5]);
    if (one.matches("input:not([type=checkbox], [type=range]), select, textarea:not(#input), #composer") && style.borderTopWidth !== "0px") {
      found.push([`${name} (border)`, style.borderTopColor, behind(one.parentElement), 3]);
    }
  }
  return found;
}

for (const [theme, scheme, least] of [["light", "dark", 4.5], ["dark", "light", 4.5], ["contrast", "light", 7], ["contrast", "dark", 7]]) {
  check(`in the theme ${theme} on a ${scheme} system everything can be read`, async () => {
    const page = await ready(READY, { colorScheme: scheme });
    await use(page, theme);
    await ask(page, "sample");
    await ask(page, "overflow", 2);
    for (const opened of ["open-settings", "show-sidebar"]) await page.click(`#${opened}`);
    await page.evaluate(() => document.querySelectorAll("details").forEach((one) => (one.open = true)));
    const found = await page.evaluate(seen);
    assert.ok(found.length > 80);
    const poor = found.filter(([, ink, ground, needed]) => contrast(colours(ink), colours(ground)) < (needed === 3 ? 3 : least));
    assert.deepEqual(poor, []);
    await shot(page, `theme-${theme}-${scheme}`);
  }, { expects: REFUSED });
}

check("the system's wish is followed until somebody chooses, also while the page runs", async () => {
  const page = await ready(READY, { colorScheme: "light" });
  assert.equal(await isDark(page), false);
  await page.emulateMedia({ colorScheme: "dark" });
  assert.equal(await isDark(page), true);
  await page.emulateMedia({ colorScheme: "dark", contrast: "more" });
  assert.deepEqual(await paper(page), [0, 0, 0]);
  await page.emulateMedia({ colorScheme: "light", contrast: "more" });
  assert.deepEqual(await paper(page), [255, 255, 255]);
  await use(page, "dark");
  assert.equal(await isDark(page), true);
  await page.reload();
  assert.equal(await isDark(page), true, "it is kept");
  assert.deepEqual(colours(await page.getAttribute("meta[name=theme-color]", "content")), await paper(page));
});

check("nothing is painted before theme and language are there", async () => {
  const page = await open(READY, { colorScheme: "light", locale: "de-DE" });
  await use(page, "dark");
  await page.addInitScript(() => new MutationObserver(() => {
    const { dataset, lang } = document.documentElement;
    if (dataset.theme === "dark" && lang === "de") window.dressed ??= performance.now();
  }).observe(document, { attributes: true, subtree: true }));
  await page.reload();
  const [paint, dressed] = await page.evaluate(() => new Promise((resolve) => new PerformanceObserver((list) =>
    resolve([list.getEntries()[0].startTime, window.dressed])).observe({ type: "paint", buffered: true })));
  assert.ok(dressed < paint, `${dressed} < ${paint}`);
});

check("keys go through the themes", async () => {
  const page = await ready(READY, { colorScheme: "dark" });
  const seenThemes = [];
  for (let n = 0; n < 4; n += 1) {
    await page.keyboard.press("Control+Shift+X");
    seenThemes.push(await page.getAttribute("html", "data-theme"));
  }
  assert.deepEqual(seenThemes, ["contrast", "light", "dark", "contrast"]);
});

check("the publisher's colour marks what stands out, in a shade that can be read in each theme", async () => {
  const page = await open(READY);
  for (const color of ["#ffee00", "#101010", "#ff0000", "#1f5f57"]) {
    await page.unrouteAll();
    await page.route("**/assistant", (route) => route.fulfill({ json: { name: "Ada", color, greeting: "Hello!", starters: ["One?"], can_quit: false } }));
    await page.reload();
    await page.waitForSelector("#send:enabled");
    for (const [theme, least] of [["light", 4.5], ["dark", 4.5], ["contrast", 7]]) {
      await use(page, theme);
      const [ink, ground] = await page.evaluate(() => ["color", "backgroundColor"].map((name) => getComputedStyle(document.getElementById("send"))[name]));
      assert.ok(contrast(colours(ink), colours(ground)) >= least, `${color} in ${theme}: ${ink} on ${ground}`);
      assert.ok(contrast(colours(ground), await paper(page)) >= least, `${color} in ${theme}: ${ground} on paper`);
    }
    assert.equal(await page.textContent("#greeting"), "Hello!");
  }
});

check("with the system's own colours focus is seen", async () => {
  const page = await ready(READY, { forcedColors: "active" });
  await page.focus("#input");
  assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById("composer")).outlineStyle), "solid");
  await page.focus("#new");
  await page.keyboard.press("Tab");
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
});

check("the sheet of shortcuts opens by keys and button, holds the focus, and gives it back", async () => {
  const page = await ready();
  await page.focus("#input");
  await page.keyboard.press("?");
  assert.equal(await page.inputValue("#input"), "?", "in a field it is a question mark");
  await page.keyboard.press("Control+/");
  await page.waitForSelector("#shortcuts[open]");
  assert.ok((await page.locator("#keys dt").count()) >= 12);
  for (let n = 0; n < 5; n += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("#shortcuts") !== null));
  }
  await shot(page, "shortcuts");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "input");
  await page.focus("#new");
  await page.keyboard.press("?");
  await page.waitForSelector("#shortcuts[open]");
  await page.uncheck("#single-keys");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "new");
  await page.keyboard.press("?");
  assert.equal(await page.locator("#shortcuts[open]").count(), 0, "it was switched off");
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await page.click("#help");
  assert.equal(await page.isChecked("#single-keys"), false, "and stays so");
});

check("every shortcut of the sheet does something", async () => {
  const page = await ready();
  await ask(page, "one");
  const box = () => page.locator("#conversations li").count();
  await page.keyboard.press("Control+ArrowUp");
  assert.equal(await page.inputValue(".editing textarea"), "one");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Shift+L");
  await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith("You said: one"));
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
  await ask(page, "two");
  await page.waitForFunction(() => document.querySelectorAll("#conversations li").length === 2);
  await page.keyboard.press("Alt+ArrowDown");
  await page.waitForFunction(() => document.querySelector(".user .text")?.textContent === "one");
  await page.keyboard.press("Alt+ArrowUp");
  await page.waitForFunction(() => document.querySelector(".user .text")?.textContent === "two");
  assert.equal(await box(), 2);
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
