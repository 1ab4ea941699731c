// Light, dark and high contrast: what is chosen, what the system says, whether everything can be read.

import assert from "node:assert/strict";
import { READY, REFUSED, ask, check, open, ready, shot } from "./harness.mjs";

const colours = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);

/** The contrast of two colours as WCAG defines it: 1 to 21. */
function contrast(...both) {
  const [dark, light] = both.map(luminance).sort((one, two) => one - two);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour) {
  const [red, green, blue] = colour.map((byte) => (byte > 10 ? ((byte / 255 + 0.055) / 1.055) ** 2.4 : byte / 255 / 12.92));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const paper = async (page) => colours(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
const isDark = async (page) => contrast(await paper(page), [255, 255, 255]) > 7;

async function use(page, theme) {
  await page.evaluate(async (name) => (await import("./theme.js")).setTheme(name), theme);
}

/** Texts, and borders of what can be used, with their colours and what is behind them. */
function seen() {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const bytes = (colour) => { // as it is seen, however it is written
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
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
  return found.map(([name, ink, ground, needed]) => [name, bytes(ink), bytes(ground), needed]);
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
    const poor = found.filter(([, ink, ground, needed]) => contrast(ink, ground) < (needed === 3 ? 3 : least));
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
});

check("nothing is painted before the theme is there, and no text in English before another language", async () => {
  const page = await open(READY, { colorScheme: "light", locale: "de-DE" });
  await use(page, "dark");
  await page.addInitScript(() => {
    window.seen = [];
    const look = () => {
      if (document.body?.innerText) window.seen.push([document.documentElement.dataset.theme, document.getElementById("new")?.innerText]);
      requestAnimationFrame(look);
    };
    look();
  });
  await page.reload();
  await page.waitForSelector("#send:enabled");
  const frames = await page.evaluate(() => window.seen);
  assert.ok(frames.length > 0);
  assert.deepEqual(frames.filter(([theme, text]) => theme !== "dark" || text !== "Neuer Chat"), []);
});

check("the publisher's colour marks what stands out, and of 500 colours each becomes a shade that can be read in each theme", async () => {
  const page = await open(READY);
  await page.route("**/assistant", (route) => route.fulfill({ json: { name: "Bread Book", color: "#ffee00", greeting: "Hello!", starters: ["One?"], can_quit: false } }));
  await page.reload();
  await page.waitForSelector("#send:enabled");
  assert.equal(await page.textContent("#greeting"), "Hello!");
  for (const [scheme, theme, least] of [["light", "light", 4.5], ["light", "dark", 4.5], ["light", "contrast", 7], ["dark", "contrast", 7]]) {
    await page.emulateMedia({ colorScheme: scheme });
    await use(page, theme);
    const grounds = await page.evaluate(shades, 500);
    assert.equal(new Set(grounds.map(String)).size > 300, true, "they stay different");
    const below = await paper(page);
    assert.deepEqual(grounds.filter(([, ...shade]) => contrast(shade, below) < least), [], `${theme}, ${scheme}`);
    assert.deepEqual(colours(await page.evaluate(() => getComputedStyle(document.getElementById("send")).color)), below);
  }
});

/** For so many colours, that look random and are the same in every run, the bytes of what is made of them; runs in the browser. */
async function shades(count) {
  const { setAccent } = await import("./theme.js");
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const corners = ["#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#ffff00", "#00ffff", "#ff00ff"];
  return Array.from({ length: count }, (_, n) => {
    const colour = corners[n] ?? `#${((n * 2654435761) % 2 ** 24).toString(16).padStart(6, "0")}`;
    setAccent(colour);
    pen.fillStyle = getComputedStyle(document.getElementById("send")).backgroundColor;
    pen.fillRect(0, 0, 1, 1);
    return [colour, ...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  });
}

check("with the system's own colours focus is seen", async () => {
  const page = await ready(READY, { forcedColors: "active" });
  await page.focus("#input");
  assert.equal(await page.evaluate(() => getComputedStyle(document.getElementById("composer")).outlineStyle), "solid");
  await page.focus("#new");
  await page.keyboard.press("Tab");
  assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
});
