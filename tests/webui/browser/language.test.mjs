// The page in each language: from the first moment, changed while it runs, and back.

import assert from "node:assert/strict";
import { LANGUAGES, WORDS } from "../../../webui/words.js";
import { PHONE, READY, ask, check, ready, shot } from "./harness.mjs";

const CODES = Object.keys(LANGUAGES);
const said = (english, code) => WORDS[english][CODES.indexOf(code) - 1] ?? english;

/** Every text and translated attribute of what is the page's own. */
const everything = (page) => page.evaluate(() => [...document.querySelectorAll("body *")].filter((one) => !one.closest("[translate=no]")).flatMap((one) => [
  ...[...one.childNodes].filter(({ nodeType, data }) => nodeType === 3 && data.trim()).map(({ data }) => data.trim().replace(/\s+/g, " ")),
  ...["aria-label", "placeholder"].map((name) => one.getAttribute(name)).filter(Boolean),
]));

async function speak(page, code) {
  await page.evaluate((to) => {
    document.getElementById("language").value = to;
    document.getElementById("language").dispatchEvent(new Event("input", { bubbles: true }));
  }, code);
  await page.waitForURL(page.url(), { waitUntil: "load" });
  await page.waitForSelector("#send:enabled");
}

for (const [locale, code] of [["de-CH", "de"], ["fr-FR", "fr"], ["es-MX", "es"], ["zh-CN", "zh"], ["ja-JP", "ja"], ["nl-NL", "en"]]) {
  check(`a browser that prefers ${locale} finds the page in ${LANGUAGES[code]}, all of it`, async () => {
    const page = await ready(READY, { locale });
    assert.equal(await page.getAttribute("html", "lang"), code);
    assert.equal(await page.getAttribute("#input", "placeholder"), said("Write a message", code));
    assert.equal(await page.textContent("#greeting"), said("What is on your mind?", code));
    await ask(page, "Hello");
    assert.equal(await page.textContent(".assistant .again"), said("Regenerate", code));
    assert.equal(await page.textContent(".user .text"), "Hello");
    if (code === "en") return;
    const shown = await everything(page);
    assert.ok(shown.length > 50);
    const left = shown.filter((text) => Object.hasOwn(WORDS, text) && said(text, code) !== text);
    const alike = new Set(Object.values(WORDS).map((row) => row[CODES.indexOf(code) - 1])); // English words that another row says
    assert.deepEqual(left.filter((text) => !alike.has(text)), []);
    await shot(page, `language-${code}`);
  });
}

check("another language is chosen, holds for the open conversation and the next visit, and translates no person's and no model's words", async () => {
  const page = await ready();
  await ask(page, "Settings");
  const english = await everything(page);
  for (const code of ["fr", "ja", "en"]) {
    await speak(page, code);
    assert.equal(await page.getAttribute("html", "lang"), code);
    assert.equal(await page.textContent("#new"), said("New chat", code));
    assert.equal(await page.textContent(".user .text"), "Settings");
    assert.match(await page.textContent(".assistant .text"), /^You said: Settings/);
    assert.equal(await page.textContent(".assistant .again"), said("Regenerate", code));
    assert.equal((await page.locator("#conversations .open").first().textContent()).trim(), "Settings");
  }
  assert.deepEqual(await everything(page), english);
  await speak(page, "ja");
  await page.goto(READY);
  assert.equal(await page.textContent("#new"), said("New chat", "ja"));
});

check("numbers are the user's", async () => {
  const page = await ready(READY, { locale: "de-DE" });
  await ask(page, "Hello");
  assert.match(await page.textContent("#speed"), /4\.096/);
});

check("long words and wide signs fit on the narrowest phone, in every language, with space between them as WCAG 1.4.12 asks", async () => {
  const page = await ready(READY, { ...PHONE, viewport: { width: 320, height: 640 } });
  await ask(page, "Hello");
  await page.evaluate(() => {
    const spaced = new CSSStyleSheet();
    spaced.replaceSync("* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; } p { margin-bottom: 2em !important; }");
    document.adoptedStyleSheets = [spaced];
  });
  for (const code of CODES) {
    await speak(page, code);
    for (const opener of ["open-settings", "show-sidebar"]) {
      const [width, cut] = await page.evaluate((id) => {
        document.getElementById(id).click();
        const wide = (one) => one.checkVisibility() && !one.matches(".open") && one.clientWidth && one.scrollWidth > one.clientWidth + 1;
        return [document.documentElement.scrollWidth, [...document.querySelectorAll("button, label, summary, a")].filter(wide).map((one) => one.textContent.trim())];
      }, opener);
      assert.ok(width <= 320, `${code}, ${opener}: ${width} px wide`);
      assert.deepEqual(cut, [], `${code}, ${opener}`);
      await shot(page, `phone-${code}-${opener}`);
    }
  }
});
