// Pages of other origins in a real browser, against a real server with a scripted engine: none of them reads or starts anything.
//
// LMFILE_TARGET: the server, http://127.0.0.1:PORT; what got through to a handler is counted on the other side.
// LMFILE_SHARED: another one, with the key "sesame" and `--cors-origin *`.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "./harness.mjs";

const TARGET = process.env.LMFILE_TARGET;
const SHARED = process.env.LMFILE_SHARED;
const PORT = new URL(TARGET).port;
const PATHS = ["/", "/health", "/v1/models", "/completion", "/v1/chat/completions", "/app.js", "/icon", "/assistant", "/quit"];
let browser, elsewhere;

before(async () => {
  // Without the browser's own checks of who may reach this computer: other browsers have none.
  browser = await launch("--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests");
  elsewhere = createServer((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html><title>a page</title>"));
  await new Promise((resolve) => elsewhere.listen(0, "0.0.0.0", resolve));
});
after(() => Promise.all([browser?.close(), elsewhere?.close()]));

/** What a page tries; runs in the browser. Returns the names of those attempts that gave it anything. */
async function attack({ target, paths }) {
  const body = JSON.stringify({ prompt: "attack", messages: [{ role: "user", content: "attack" }] });
  const json = { "Content-Type": "application/json" };
  const loads = (make) => new Promise((resolve, reject) => {
    const thing = make();
    thing.onload = thing.onopen = resolve;
    thing.onerror = reject;
    if (thing instanceof Element) document.body.append(thing);
    setTimeout(() => reject(new Error("nothing")), 1500);
  });
  const element = (name, attributes) => Object.assign(document.createElement(name), attributes);
  const read = async (response) => {
    if (response.type === "opaque" || !response.ok) throw new Error(response.status);
    return response.text();
  };
  const attempts = {};
  for (const path of paths) {
    const url = target + path;
    attempts[`get ${path}`] = () => fetch(url).then(read);
    attempts[`get with credentials ${path}`] = () => fetch(url, { credentials: "include" }).then(read);
    attempts[`post json ${path}`] = () => fetch(url, { method: "POST", body, headers: json }).then(read);
    attempts[`post text ${path}`] = () => fetch(url, { method: "POST", body }).then(read);
    attempts[`post blindly ${path}`] = () => fetch(url, { method: "POST", body, mode: "no-cors" }).then(read);
    attempts[`post and leave ${path}`] = () => fetch(url, { method: "POST", body, mode: "no-cors", keepalive: true }).then(read);
    attempts[`put ${path}`] = () => fetch(url, { method: "PUT", body, headers: json }).then(read);
    attempts[`delete ${path}`] = () => fetch(url, { method: "DELETE" }).then(read);
    attempts[`request without a referrer ${path}`] = () => fetch(url, { method: "POST", body, mode: "no-cors", referrerPolicy: "no-referrer" }).then(read);
    attempts[`image ${path}`] = () => loads(() => element("img", { src: url }));
    attempts[`script ${path}`] = () => loads(() => element("script", { src: url }));
    attempts[`module ${path}`] = () => import(url);
    attempts[`style ${path}`] = () => loads(() => element("link", { rel: "stylesheet", href: url }));
    attempts[`events ${path}`] = () => loads(() => new EventSource(url));
    attempts[`socket ${path}`] = () => loads(() => new WebSocket(url.replace("http", "ws")));
  }
  attempts["beacon"] = async () => { navigator.sendBeacon(`${target}/completion`, body); throw new Error("blind"); };
  attempts["beacon of json"] = async () => { navigator.sendBeacon(`${target}/completion`, new Blob([body], { type: "application/json" })); throw new Error("blind"); };
  attempts["worker"] = () => loads(() => new Worker(`${target}/app.js`));
  const results = await Promise.allSettled(Object.values(attempts).map(async (attempt) => attempt()));
  return Object.keys(attempts).filter((_, place) => results[place].status === "fulfilled");
}

/** A form of every kind, sent into a frame of the page. */
async function forms({ target }) {
  const kinds = ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"];
  await Promise.all(kinds.map((enctype) => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), { name: `f-${enctype}` });
    const form = Object.assign(document.createElement("form"), { action: `${target}/completion`, method: "post", enctype, target: frame.name });
    form.append(Object.assign(document.createElement("input"), { name: '{"prompt":"attack","x":"', value: '"}' }));
    document.body.append(frame, form);
    form.submit();
    setTimeout(resolve, 500);
  })));
}

/** What a frame of the page shows of the server. */
async function framed(page, path) {
  await page.evaluate(({ url }) => document.body.append(Object.assign(document.createElement("iframe"), { src: url })), { url: TARGET + path });
  await page.waitForTimeout(300);
  const frame = page.frames().at(-1);
  return frame.evaluate(() => document.body?.textContent ?? "").catch(() => "");
}

const PAGES = ["http://127.0.0.1", "http://127.0.0.2", "http://localhost", "http://evil.example"];

for (const origin of PAGES) {
  test(`a page of ${origin} on another port`, { timeout: 60_000 }, async () => {
    const page = await browser.newPage();
    await page.goto(`${origin}:${elsewhere.address().port}/`);
    for (const target of [TARGET, `http://localhost:${PORT}`]) {
      assert.deepEqual(await page.evaluate(attack, { target, paths: PATHS }), []);
      await page.evaluate(forms, { target });
    }
    assert.doesNotMatch(await framed(page, "/v1/models"), /tiny|SmolLM2/);
    assert.doesNotMatch(await framed(page, "/"), /New chat/);
    await page.close();
  });
}

test("a sandboxed frame has no origin, and no access", { timeout: 60_000 }, async () => {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${elsewhere.address().port}/`);
  const source = `<body><script>(${attack})(${JSON.stringify({ target: TARGET, paths: PATHS })}).then((got) => parent.postMessage(got, "*"))</script>`;
  const got = await page.evaluate((html) => new Promise((resolve) => {
    addEventListener("message", (event) => resolve(event.data));
    document.body.append(Object.assign(document.createElement("iframe"), { sandbox: "allow-scripts allow-forms", srcdoc: html }));
  }), source);
  assert.deepEqual(got, []);
  await page.close();
});

test("a page whose name was made to mean this computer", { timeout: 60_000 }, async () => {
  const page = await browser.newPage();
  const own = `http://rebound.example:${PORT}`;
  await page.route(`${own}/attack`, (route) => route.fulfill({ contentType: "text/html", body: "<!doctype html><title>a page</title>" }));
  await page.goto(`${own}/attack`);
  for (const target of [own, TARGET]) {
    assert.deepEqual(await page.evaluate(attack, { target, paths: PATHS }), []);
    await page.evaluate(forms, { target });
  }
  assert.doesNotMatch(await page.evaluate(() => fetch("/v1/models").then((response) => response.text())), /tiny|SmolLM2/);
  await page.close();
});

test("a page that was allowed reads what its key allows", { timeout: 60_000 }, async () => {
  const page = await browser.newPage();
  await page.goto(`http://evil.example:${elsewhere.address().port}/`);
  const ask = (key) => page.evaluate(async ({ target, headers }) => {
    const options = { method: "POST", body: '{"prompt":"x"}', headers: { "Content-Type": "application/json", ...headers } };
    const response = await fetch(`${target}/completion`, options);
    return [response.status, (await response.json()).content ?? "", response.headers.get("x-request-id") !== null];
  }, { target: SHARED, headers: key && { Authorization: `Bearer ${key}` } });
  assert.deepEqual(await ask(), [401, "", true]);
  assert.deepEqual((await ask("sesame"))[0], 200);
  await page.close();
});

test("a link from any of them leads to the page", { timeout: 60_000 }, async () => {
  const page = await browser.newPage();
  await page.goto(`http://evil.example:${elsewhere.address().port}/`);
  await page.evaluate((target) => (location.href = target), `${TARGET}/`);
  await page.waitForSelector("#send:enabled");
  await page.close();
});
