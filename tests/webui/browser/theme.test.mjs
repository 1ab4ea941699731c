// Light, dark and high contrast: what is chosen, what the system says, whether everything can be read.

import assert from "node:assert/strict";
import { contrast } from "../../../webui/theme.js";
import { READY, REFUSED, ask, check, open, ready, shot } from "./harness.mjs";

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
  await page.waitForSelector("[data-theme=contrast]");
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
