// axe-core finds nothing wrong in any state of the page: WCAG 2.2 AA and its own best practices.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { CLICKED, LOADING, LOCKED, PHONE, READY, REFUSED, ask, check, open, ready, shot } from "./harness.mjs";

const AXE = readFileSync(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf-8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDE = { viewport: { width: 1200, height: 800 } };
const PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SCHEMA = '{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}';

const wait = (selector) => (page) => page.waitForSelector(selector);
const press = (...selectors) => async (page) => {
  for (const selector of selectors) await page.click(selector);
};
const one = (...steps) => async (page) => {
  for (const step of steps) await step(page);
};

/** Open the conversation that has turns of every kind. */
async function everything(page) {
  const id = await page.evaluate(keep, [PIXEL, SCHEMA]);
  await page.goto("about:blank");
  await page.goto(`${READY}/#chat=${id}`);
  await page.waitForSelector(".call");
  await page.waitForSelector("#send:enabled");
}

/** Put a conversation with turns of every kind into the page's store; runs in the browser. Returns its id. */
async function keep([url, schema]) {
  const [store, tree] = await Promise.all([import("/store.js"), import("/tree.js")]);
  const conversation = tree.create("chat");
  const say = (role, content, fields = {}) => tree.add(conversation, conversation.leaf, { role, content, ...fields });
  const files = [{ name: "notes.txt", type: "text/plain", text: "Some notes.\n".repeat(40), tokens: 90 }, { name: "dot.png", type: "image/png", url }];
  say("user", "What do you see?", { files });
  say("assistant", "A dot, and **notes**.", { thought: "Let me look at it." });
  const { parent } = say("user", "Who?");
  say("assistant", '{"name": "Ann"}', { schema });
  say("user", "And now?");
  say("assistant", '{"name": 7}', { schema });
  say("user", "Weather?");
  say("assistant", "", { calls: [{ id: "a", name: "weather", arguments: '{"place": "Paris"}' }] });
  say("tool", "Sunny", { call: "a" });
  say("assistant", "", { problem: "The engine ended; it is being started again. Try again." });
  tree.add(conversation, parent, { role: "user", content: "What else could be asked?" });
  say("assistant", "", { calls: [{ id: "b", name: "search", arguments: '{"words": "tea"}' }] });
  tree.choose(conversation, Object.values(conversation.nodes).find(({ content }) => content === "Who?").id);
  await store.write(conversation);
  return conversation.id;
}

const groups = (page) => page.evaluate(() => document.querySelectorAll("#panel details").forEach((group) => (group.open = true)));
const panel = one(press("#open-settings"), groups);
const tools = one(panel, (page) => page.fill("#tools", '[{"name": "not a name"}]'));
const attach = one((page) => page.setInputFiles("#pick", [
  { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Some notes. ".repeat(50)) },
  { name: "noise.bin", mimeType: "application/octet-stream", buffer: Buffer.from([0, 1, 2, 255, 254, 0, 9]) },
]), wait("#files .file"), wait("#files .problem"));
const named = (page) => ask(page, "A first question");
const list = one(named, press("#show-sidebar"), wait("#conversations li"));
const menu = one(list, press("#conversations summary"));
const tell = (verb) => (page) => page.getByRole("button", { name: verb, exact: true }).click();
const themed = (name) => async (page) => {
  await page.evaluate((theme) => localStorage.setItem("lmfile.theme", theme), name);
  await page.reload();
  await page.waitForSelector("#send:enabled");
};

async function notebook(page) {
  const token = (content, others) => ({ content, completion_probabilities: [
    { token: content, bytes: [...Buffer.from(content)], logprob: -0.4, top_logprobs: [content, ...others].map((text, at) => ({ token: text, bytes: [...Buffer.from(text)], logprob: -0.4 - at })) },
  ] });
  const events = [token("Once", ["There"]), token(" upon", [" a", " more"]), { content: "", stop: true }];
  const body = events.map((event) => `data: ${JSON.stringify({ stop: false, ...event })}\n\n`).join("");
  await page.route("**/completion", (route) => route.fulfill({ contentType: "text/event-stream", body }));
  await one(press("#show-sidebar", "#new-notebook", "#generate"), wait("#tokens span + span"))(page);
  await page.press("#tokens", "ArrowLeft");
  await page.waitForSelector("#options:not([hidden])");
}

const streaming = one((page) => page.fill("#input", "slow"), press("#send"), (page) =>
  page.waitForFunction(() => document.querySelector(".writing .text")?.textContent.length > 20));

/** What is looked at: where, as what, and after which steps. */
const STATES = {
  "first visit": [READY, WIDE],
  "the publisher's first visit": [CLICKED, WIDE, wait("#starters button")],
  "loading": [LOADING, WIDE],
  "key asked": [LOCKED, WIDE, wait("#ask-key[open]")],
  "Markdown": [READY, WIDE, (page) => ask(page, "sample")],
  "streaming": [READY, WIDE, streaming],
  "an error": [READY, WIDE, (page) => ask(page, "overflow")],
  "turns of every kind": [READY, WIDE, everything],
  "an edit": [READY, WIDE, one(named, press(".user button:has-text('Edit')"))],
  "attachments": [READY, WIDE, attach],
  "list": [READY, WIDE, list],
  "search": [READY, WIDE, one(list, (page) => page.fill("#search", "first"), wait("#found:not(:empty)"))],
  "a conversation's menu": [READY, WIDE, menu],
  "delete": [READY, WIDE, one(menu, tell("Delete"), wait("#question[open]"))],
  "settings": [CLICKED, WIDE, panel],
  "schema error": [READY, WIDE, one(panel, press("[name='schema.on']"), (page) => page.fill("#schema", '{"type": '), wait("#panel .problem:not(:empty)"))],
  "tools": [READY, WIDE, tools],
  "notebook": [READY, WIDE, notebook],
  "a notice": [READY, WIDE, one((page) => page.setInputFiles("#import-files", { name: "a.json", mimeType: "text/plain", buffer: Buffer.from("{") }), wait("#notice:not(:empty)"))],
  "help": [READY, WIDE, one(press("#help"), wait("#shortcuts[open]"))],
};

const NARROW = { "list": list, "settings": panel, "turns of every kind": everything, "notebook": notebook, "attachments": attach };
const LOOKS = {
  "by night": [{ ...WIDE, colorScheme: "dark" }],
  "in high contrast": [WIDE, themed("contrast")],
  "in high contrast by night": [{ ...WIDE, colorScheme: "dark" }, themed("contrast")],
  "in German": [{ ...WIDE, locale: "de-DE" }],
  "in Japanese": [{ ...WIDE, locale: "ja-JP" }],
};

for (const [name, state] of Object.entries(NARROW)) STATES[`${name}, on a phone`] = [READY, PHONE, state];
for (const [name, [options, before = () => {}]] of Object.entries(LOOKS)) {
  STATES[`all at once ${name}`] = [READY, options, one(before, everything, press("#show-sidebar"), wait("#conversations li"), panel)];
}

for (const [name, [address, options, steps = () => {}]] of Object.entries(STATES)) {
  check(`axe: ${name}`, async () => {
    const page = await (address === LOADING || address === LOCKED ? open : ready)(address, options);
    await steps(page);
    await shot(page, `axe ${name}`);
    assert.deepEqual(await violations(page), []);
  }, { expects: REFUSED });
}

check("axe: the program has ended", async () => {
  const page = await ready(CLICKED, WIDE);
  await page.click("#quit");
  await page.click("#yes");
  await page.waitForSelector("#over[open]");
  assert.deepEqual(await violations(page), []);
}, { expects: REFUSED });

/** What axe finds, in its words. The debugger brings it in: no policy of the page allows that. */
async function violations(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("Runtime.evaluate", { expression: AXE });
  const found = await page.evaluate((values) => axe.run({ runOnly: { type: "tag", values }, resultTypes: ["violations"] }), TAGS);
  return found.violations.flatMap(({ id, help, nodes }) => nodes.map(({ html, any }) => `${id}: ${help}: ${html.slice(0, 160)} ${any[0]?.message ?? ""}`));
}
