// The page in a real browser, against real servers with a scripted engine (tests/webui/serve.py).

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { LOADING, LOCKED, PHONE, READY, REFUSED, ask, check, ended, lastAnswer, open, ready } from "./harness.mjs";

check("a question is answered, and the page says how fast and how much", async () => {
  const page = await ready();
  assert.equal(await page.title(), "SmolLM2-135M-Instruct");
  assert.equal(await page.textContent("#model"), "SmolLM2-135M-Instruct");
  assert.ok(await page.isVisible("#welcome"));
  await ask(page, "Hello");
  assert.ok(!(await page.isVisible("#welcome")));
  assert.equal(await page.textContent(".user .text"), "Hello");
  assert.match(await lastAnswer(page), /^You said: Hello/);
  assert.equal(await page.textContent(".assistant .actions"), "CopyEditRegenerateContinue");
  assert.match(await page.textContent("#speed"), /^[\d,]+ tokens\/s · read at [\d,]+\/s · 3 cached · 4,\d\d\d of 4,096 left$/);
  assert.equal(await page.inputValue("#input"), "");
  assert.equal(await page.evaluate(() => document.activeElement.id), "input");
});

check("the whole conversation is sent, and a new chat begins without it", async () => {
  const page = await ready();
  await ask(page, "one");
  await ask(page, "two", 2);
  assert.match(await lastAnswer(page), /3 messages\)/);
  await page.click("#new");
  assert.ok(await page.isVisible("#welcome"));
  await ask(page, "three");
  assert.match(await lastAnswer(page), /1 messages\)/);
});

check("Enter sends, Shift+Enter breaks the line, nothing sends nothing", async () => {
  const page = await ready();
  await page.focus("#input");
  await page.keyboard.press("Enter");
  await page.keyboard.type("a");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("b");
  assert.equal(await page.inputValue("#input"), "a\nb");
  await page.keyboard.press("Enter");
  await ended(page);
  assert.equal(await page.textContent(".user .text"), "a\nb");
});

for (const how of ["Escape", "button"]) {
  check(`an answer is stopped by ${how}`, async () => {
    const page = await ready();
    await page.fill("#input", "slow");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".assistant .text")?.textContent.length > 20);
    assert.equal(await page.getAttribute("#send", "aria-label"), "Stop");
    assert.equal(await page.getAttribute("#log", "aria-busy"), "true");
    if (how === "Escape") await page.keyboard.press("Escape");
    else await page.click("#send");
    await ended(page);
    assert.equal(await page.locator(".turn .problem").count(), 0);
    assert.match(await lastAnswer(page), /^Slow words/);
    assert.equal(await page.getAttribute("#send", "aria-label"), "Send");
    assert.equal(await page.getAttribute("#log", "aria-busy"), "false");
    await ask(page, "next", 2);
    assert.match(await lastAnswer(page), /^You said: next/);
  });
}

check("Markdown is shown as elements, and code can be copied", async () => {
  const page = await ready();
  await ask(page, "sample");
  const count = (selector) => page.locator(`.assistant ${selector}`).count();
  assert.deepEqual(await Promise.all(["h2", "strong", "em", "ol > li", "li li", "blockquote", "td", "pre code", "a"].map(count)), [1, 1, 2, 3, 2, 1, 6, 1, 2]);
  assert.equal(await page.locator("#log :is(b, script)").count(), 0);
  const link = page.locator(".assistant a").first();
  assert.deepEqual(await link.evaluate((a) => [a.href, a.rel, a.target]), ["https://example.org/paris", "noopener noreferrer", "_blank"]);
  await page.click(".bar button");
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^def greet\(name: str\) -> str:\n {4}"""Say hello/);
  await page.click(".assistant .actions button:has-text('Copy')");
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^## A short tour\n/);
});

check("failures are told in words, and the chat goes on", async () => {
  const page = await ready();
  await ask(page, "overflow");
  assert.match(await page.textContent(".turn .problem"), /too long: 5,012 tokens, 4,096 fit/);
  await page.click("#new");
  await ask(page, "die");
  assert.match(await lastAnswer(page), /^The answer begins well/);
  assert.match(await page.textContent(".turn .problem"), /The engine ended; it is being started again/);
  await page.click("text=Try again");
  await ended(page);
  await page.click("#new");
  await page.context().setOffline(true);
  await ask(page, "Hi");
  assert.match(await page.textContent(".turn .problem"), /The program does not answer. Is it running\?/);
  await page.context().setOffline(false);
  await page.click("text=Try again");
  await page.waitForFunction(() => document.querySelector(".assistant .text")?.textContent.includes("You said: Hi"));
}, { expects: REFUSED });

check("a question that meets a model being loaded again is told so", async () => {
  const page = await ready();
  const error = { code: 503, message: "Loading model", type: "unavailable_error" };
  await page.route("**/v1/chat/completions", (route) => route.fulfill({ status: 503, json: { error } }), { times: 1 });
  await ask(page, "Hi");
  assert.equal(await page.textContent(".turn .problem"), "The model is loading. Try again soon.");
  await page.click(".again");
  await page.waitForFunction(() => document.querySelector(".assistant .text")?.textContent.includes("You said: Hi"));
}, { expects: REFUSED });

check("while the model loads, the page says so and a message can be written", async () => {
  const page = await open(LOADING);
  await page.getByText("Loading the model…").waitFor();
  assert.ok(await page.isDisabled("#send"));
  await page.fill("#input", "early");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#send:enabled");
  assert.equal(await page.textContent("#model"), "SmolLM2-135M-Instruct");
  await page.keyboard.press("Enter");
  await ended(page);
  assert.match(await lastAnswer(page), /early/);
}, { expects: REFUSED });

check("a key is asked for, or comes with the link and leaves the address", async () => {
  const page = await open(LOCKED);
  for (const key of ["wrong", "sesame"]) {
    await page.waitForSelector("#ask-key[open]");
    await page.fill("#key", key);
    await page.keyboard.press("Enter");
  }
  await page.waitForSelector("#send:enabled");
  await ask(page, "Hi");
  assert.match(await lastAnswer(page), /You said: Hi/);
  const linked = await ready(`${LOCKED}/#key=sesame`);
  assert.equal(await linked.evaluate(() => location.href), `${LOCKED}/`);
  await ask(linked, "Hi");
  assert.match(await lastAnswer(linked), /You said: Hi/);
}, { expects: REFUSED });

for (const [name, options] of Object.entries({
  phone: PHONE,
  desktop: { viewport: { width: 1200, height: 800 } },
  dark: { viewport: { width: 1200, height: 800 }, colorScheme: "dark" },
})) {
  check(`on a ${name} screen nothing is cut off, and text stands out`, async () => {
    const page = await ready(READY, options);
    await ask(page, "sample");
    const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide[0] <= wide[1], String(wide));
    for (const selector of ["#input", "#send", "#new", "#open-settings", ".again"]) {
      const box = await page.locator(selector).boundingBox();
      assert.ok(box && box.x >= 0 && box.x + box.width <= wide[1], selector);
    }
    const poor = await page.evaluate(lowContrast);
    assert.deepEqual(poor, []);
    const hidden = await page.locator("#scroll").evaluate((one) => one.scrollHeight - one.clientHeight - one.scrollTop);
    assert.ok(Math.abs(hidden) < 2, `${hidden} pixels of the end are out of sight`);
  });
}

/** Texts whose contrast with what is behind them is below 4.5. */
function lowContrast() {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const channels = (colour) => { // as it is seen, however it is written
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("body *")].filter((element) => {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || !element.checkVisibility()) return false;
    const [one, two] = [light(channels(getComputedStyle(element).color)), light(behind(element))];
    return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05) < 4.5;
  }).map((element) => element.outerHTML.slice(0, 80));
}

check("reading further up is not disturbed by new words", async () => {
  const page = await ready(READY, { viewport: { width: 800, height: 400 } });
  await ask(page, "sample");
  await page.fill("#input", "slow");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector(".writing .text")?.textContent.length > 20);
  await page.locator("#scroll").evaluate((one) => (one.scrollTop = 0));
  await page.waitForTimeout(600);
  assert.equal(await page.locator("#scroll").evaluate((one) => one.scrollTop), 0);
  await page.keyboard.press("Escape");
});

check("the keyboard reaches everything, and focus is seen", async () => {
  const page = await ready();
  await ask(page, "Hi");
  const reached = new Set();
  for (let n = 0; n < 24; n += 1) {
    await page.keyboard.press("Tab");
    const [name, outline] = await page.evaluate(() => {
      const at = document.activeElement;
      return [at.id || at.textContent, at.id === "input" ? "the frame around it" : getComputedStyle(at).outlineStyle];
    });
    reached.add(name);
    if (name && at(name)) assert.notEqual(outline, "none", name);
  }
  for (const name of ["new", "open-settings", "input", "send", "Copy", "Regenerate"]) assert.ok(reached.has(name), `${name} in ${[...reached]}`);
});

const at = (name) => ["new", "open-settings", "send", "Copy", "Regenerate"].includes(name);

check("the policy forbids what the code never does", async () => {
  const page = await ready();
  const blocked = await page.evaluate(async () => {
    const violations = [];
    document.addEventListener("securitypolicyviolation", (event) => violations.push(event.effectiveDirective));
    const attempts = [
      () => (document.createElement("div").innerHTML = "<b>x</b>"),
      () => trustedTypes.createPolicy("x", {}),
      () => eval("1"),
      () => document.body.append(Object.assign(document.createElement("style"), { textContent: "*{}" })),
      () => document.body.append(Object.assign(new Image(), { src: "http://evil.example/x.png" })),
      () => fetch("http://evil.example/"),
    ];
    for (const attempt of attempts) await Promise.resolve().then(attempt).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    return violations;
  });
  for (const directive of ["require-trusted-types-for", "trusted-types", "style-src-elem", "img-src", "connect-src"]) {
    assert.ok(blocked.includes(directive), `${directive} in ${blocked}`);
  }
}, { expects: /./ });

check("another site's page can neither read nor start anything", async () => {
  const attack = createServer((request, response) => {
    response.setHeader("Content-Type", "text/html");
    response.end(`<form id=f method=post enctype=text/plain action="${READY}/completion"><input name='{"prompt":"attack","x":"' value='"}'></form>`);
  });
  await new Promise((resolve) => attack.listen(0, "127.0.0.1", resolve));
  const page = await open(`http://127.0.0.1:${attack.address().port}/`);
  const got = await page.evaluate(async (target) => {
    const body = JSON.stringify({ prompt: "attack" });
    const tries = [
      () => fetch(`${target}/v1/models`),
      () => fetch(`${target}/completion`, { method: "POST", body, headers: { "Content-Type": "application/json" } }),
      () => fetch(`${target}/completion`, { method: "POST", body, mode: "no-cors" }).then((one) => ({ ok: one.type !== "opaque" })),
      () => new Promise((resolve, reject) => Object.assign(new Image(), { onload: resolve, onerror: reject, src: `${target}/icon.svg` })),
      () => import(`${target}/app.js`),
      () => new Promise((resolve, reject) => Object.assign(new EventSource(`${target}/health`), { onopen: resolve, onerror: reject })),
      () => new Promise((resolve, reject) => Object.assign(new WebSocket(target.replace("http", "ws")), { onopen: resolve, onerror: reject })),
    ];
    const results = await Promise.allSettled(tries.map((attempt) => attempt()));
    return results.map(({ status, value }) => status === "fulfilled" && value?.ok !== false);
  }, READY);
  assert.deepEqual(got, got.map(() => false));
  const [answer] = await Promise.all([page.waitForResponse((response) => response.url().endsWith("/completion")), page.evaluate(() => document.getElementById("f").submit())]);
  assert.equal(answer.status(), 403);
  const link = await open(`http://127.0.0.1:${attack.address().port}/`);
  await link.evaluate((target) => (location.href = target), READY);
  await link.waitForSelector("#send:enabled");
  attack.close();
}, { expects: /./ });

check("a name that somebody made resolve to this computer is not served", async () => {
  const page = await open(`http://evil.example:${new URL(READY).port}/`);
  assert.match(await page.textContent("body"), /does not answer to the name/);
}, { expects: /./ });
