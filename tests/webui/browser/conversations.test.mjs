// The list of conversations as a person uses it: open, search, rename, delete, export, import, with keys, and in two tabs.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { PHONE, ask, check, ended, lastAnswer, open, ready, shot, tab } from "./harness.mjs";

const OPEN = "#conversations .open";
const POLLED = { polling: 50 }; // a tab in the background draws no frames

/** A page with the list shown, in which each question was asked and answered before; the last one is open. */
async function listed(questions = [], options = {}) {
  const page = await open(undefined, options);
  await page.evaluate(async (texts) => {
    const [store, tree] = await Promise.all([import("/store.js"), import("/tree.js")]);
    for (const content of texts) {
      const made = tree.create();
      tree.add(made, null, { role: "user", content });
      tree.add(made, made.leaf, { role: "assistant", content: `You said: ${content}` });
      await store.write(made);
    }
  }, questions);
  await page.waitForSelector("#send:enabled");
  if (await page.isHidden("#sidebar")) await page.click("#show-sidebar");
  await shows(page, [...questions].reverse());
  if (questions.length === 0) return page;
  await page.locator(OPEN).first().click();
  await isOpen(page, questions.at(-1));
  return page;
}

async function begin(page, question) {
  await page.click("#new");
  await ask(page, question);
}

/** Waits until the list has exactly these titles. */
const shows = (page, titles) => page.waitForFunction(
  ([selector, wanted]) => [...document.querySelectorAll(selector)].map((one) => one.textContent).join("|") === wanted, [OPEN, titles.join("|")], POLLED);

const current = (page) => page.locator(`${OPEN}[aria-current="true"]`).allTextContents();
const isOpen = (page, title) => page.waitForFunction(([selector, wanted]) => document.querySelector(selector)?.textContent === wanted, [`${OPEN}[aria-current]`, title], POLLED);
const questions = (page) => page.locator(".user .text").allTextContents();
const menu = (page, title) => page.getByLabel(`Actions: ${title}`, { exact: true });

async function act(page, title, action) {
  await menu(page, title).click();
  await page.click(`#conversations [open] button:text-is("${action}")`);
}

async function answer(page, yes) {
  await page.waitForSelector("#question[open]");
  const sentence = await page.textContent("#asked");
  await page.click(yes ? "#yes" : "#question button[value='']");
  await page.waitForSelector("#question:not([open])", { state: "attached" });
  return sentence;
}

async function downloaded(page, action) {
  const [download] = await Promise.all([page.waitForEvent("download"), action()]);
  return [download.suggestedFilename(), await readFile(await download.path(), "utf8")];
}

const bring = (page, ...files) =>
  page.setInputFiles("#import-files", files.map(([name, text]) => ({ name, mimeType: "text/plain", buffer: Buffer.from(text) })));

const told = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.getElementById("notice").textContent), pattern.source);

check("conversations survive a reload, newest first, and the one that was open is open", async () => {
  const page = await listed(["one", "two", "three"]);
  await page.click(`${OPEN}:text-is("two")`);
  await isOpen(page, "two");
  assert.deepEqual(await questions(page), ["two"]);
  await page.reload();
  await page.waitForSelector("#send:enabled");
  assert.deepEqual(await questions(page), ["two"]);
  await shows(page, ["three", "two", "one"]);
  assert.deepEqual(await current(page), ["two"]);
  await ask(page, "more", 2);
  await shows(page, ["two", "three", "one"]);
  await begin(page, "four");
  await shows(page, ["four", "two", "three", "one"]);
  assert.deepEqual(await current(page), ["four"]);
});

check("search looks into titles and messages, says how many it found, and ends with an empty field", async () => {
  const page = await listed(["A café in Paris", "Bread", "Crème brûlée"]);
  await page.fill("#search", "BRULEE");
  await shows(page, ["Crème brûlée"]);
  assert.equal(await page.textContent("#found"), "Found: 1");
  assert.equal(await page.getAttribute("#found", "role"), "status");
  await page.fill("#search", "you said");
  await shows(page, ["Crème brûlée", "Bread", "A café in Paris"]);
  await page.fill("#search", "nowhere");
  await shows(page, []);
  assert.equal(await page.textContent("#found"), "Found: 0");
  await shot(page, "search");
  await page.fill("#search", "");
  await shows(page, ["Crème brûlée", "Bread", "A café in Paris"]);
  assert.equal(await page.textContent("#found"), "");
});

check("a conversation is renamed in its menu: Enter keeps, Escape leaves, an empty title is the first question again", async () => {
  const page = await listed(["one", "two"]);
  const write = async (title, text, key) => {
    await menu(page, title).click();
    assert.equal(await page.inputValue("#conversations [open] input"), title);
    await page.fill("#conversations [open] input", text);
    await page.keyboard.press(key);
  };
  await write("two", "Second thoughts", "Enter");
  await shows(page, ["Second thoughts", "one"]);
  await write("one", "wrong", "Escape");
  assert.equal(await page.evaluate(() => document.activeElement.ariaLabel), "Actions: one");
  await ask(page, "again", 2);
  await shows(page, ["Second thoughts", "one"]);
  await write("Second thoughts", "", "Enter");
  await shows(page, ["two", "one"]);
});

check("deleting asks first; in place of the open conversation comes a new one", async () => {
  const page = await listed(["one", "two", "three"]);
  await act(page, "two", "Delete");
  assert.equal(await answer(page, false), "Delete “two” for good?");
  await shows(page, ["three", "two", "one"]);
  await page.click("#conversations [open] button:text-is('Delete')");
  await answer(page, true);
  await shows(page, ["three", "one"]);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "three");
  assert.deepEqual([await current(page), await questions(page)], [["three"], ["three"]]);
  await act(page, "three", "Delete");
  await answer(page, true);
  await shows(page, ["one"]);
  assert.ok(await page.isVisible("#welcome"));
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await shows(page, ["one"]);
});

check("deleting the open conversation ends the answer that is running in it", async () => {
  const page = await listed(["one"]);
  await page.click("#new");
  await page.fill("#input", "slow");
  await page.press("#input", "Enter");
  await shows(page, ["slow", "one"]);
  await act(page, "slow", "Delete");
  await answer(page, true);
  await shows(page, ["one"]);
  assert.ok(await page.isVisible("#welcome"));
  await ask(page, "new");
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await shows(page, ["new", "one"]);
});

check("one conversation is exported as Markdown and as JSON, and both come back as copies", async () => {
  const page = await listed(["Bread: how? / why"]);
  const [name, markdown] = await downloaded(page, () => act(page, "Bread: how? / why", "Export (Markdown)"));
  assert.equal(name, "Bread_ how_ _ why.md");
  assert.match(markdown, /^# Bread: how\? \/ why\n\n## User\n\nBread: how\? \/ why\n\n## Assistant\n\nYou said: Bread/);
  const [jsonName, json] = await downloaded(page, () => page.click("#conversations [open] button:text-is('Export (JSON)')"));
  assert.equal(jsonName, "Bread_ how_ _ why.json");
  assert.equal(JSON.parse(json).conversations.length, 1);
  await bring(page, [name, markdown], [jsonName, json], [jsonName, json]);
  await told(page, /^Imported: 3$/);
  await shows(page, Array(4).fill("Bread: how? / why"));
  assert.match(await lastAnswer(page), /^You said: Bread/);
  await bring(page, [jsonName, json]);
  await shows(page, Array(5).fill("Bread: how? / why"));
});

check("all are exported in one file, and come back", async () => {
  const page = await listed(["one", "two"]);
  const [name, json] = await downloaded(page, () => page.click("#export-all"));
  assert.equal(name, "conversations.json");
  for (const title of ["two", "one"]) {
    await act(page, title, "Delete");
    await answer(page, true);
  }
  await shows(page, []);
  await bring(page, [name, json]);
  await told(page, /^Imported: 2$/);
  await shows(page, ["two", "one"]);
});

check("a file that cannot be imported is named, and the others come in", async () => {
  const page = await listed(["one"]);
  const [, json] = await downloaded(page, () => page.click("#export-all"));
  const broken = json.replace('"role":"user"', '"role":"admin"');
  await bring(page, ["letter.txt", "Dear all"], ["old.json", json], ["broken.json", broken]);
  await told(page, /^Imported: 1 letter.txt: Not a whole export: .* broken.json: Not a whole export: role$/);
  await shows(page, ["one", "one"]);
});

check("hostile files show nothing but their text", async () => {
  const page = await listed();
  const hostile = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) ![y](https://evil.example/y.png)";
  await bring(page, ["a.md", `# ${hostile}\n\n## User\n\n${hostile}\n\n## Assistant\n\n${hostile}\n`]);
  await shows(page, [hostile.slice(0, 80).trim()]);
  await page.waitForSelector(".assistant .text");
  assert.equal(await page.locator("#log img, #conversations img, #log a[href^='javascript']").count(), 0);
});

check("two tabs show the same list", async () => {
  const page = await listed(["one"]);
  const other = await tab(page);
  await other.waitForSelector("#send:enabled");
  await shows(other, ["one"]);
  await other.click("#new");
  await ask(other, "two");
  await shows(page, ["two", "one"]);
  await page.bringToFront();
  await menu(page, "one").click();
  await page.fill("#conversations [open] input", "first");
  await page.keyboard.press("Enter");
  await shows(other, ["two", "first"]);
  await shows(page, ["two", "first"]);
  await act(page, "two", "Delete");
  await answer(page, true);
  await shows(other, ["first"]);
  await other.waitForSelector("#welcome:not([hidden])");
});

check("an open conversation that two tabs continue keeps both", async () => {
  const page = await listed(["one"]);
  const other = await tab(page);
  await other.waitForSelector("#send:enabled");
  assert.deepEqual(await questions(other), ["one"]);
  await Promise.all([ask(page, "here", 2), ask(other, "there", 2)]);
  const [, json] = await downloaded(page, () => page.click("#export-all"));
  const said = Object.values(JSON.parse(json).conversations[0].nodes).filter(({ role }) => role === "user").map(({ content }) => content).sort();
  assert.deepEqual(said, ["here", "one", "there"]);
});

check("what streams while the tab is closed is kept", async () => {
  const page = await listed(["one"]);
  const other = await tab(page);
  await page.click("#new");
  await page.fill("#input", "slow");
  await page.press("#input", "Enter");
  await page.waitForFunction(() => document.querySelector(".assistant .text")?.textContent.length > 60);
  await page.close({ runBeforeUnload: true });
  await shows(other, ["slow", "one"]);
  if (await other.isHidden("#sidebar")) await other.click("#show-sidebar");
  await other.waitForSelector("#send:enabled");
  await other.click(`${OPEN}:text-is("slow")`);
  await other.waitForFunction(() => /^Slow words arrive one by one and never seem to end\. Sl/.test(document.querySelector(".assistant .text")?.textContent));
});

check("without storage the chat goes on, and it is told once", async () => {
  const page = await open(undefined);
  await page.context().addInitScript(() => (IDBFactory.prototype.open = () => { throw new DOMException("", "SecurityError"); }));
  await page.reload();
  await page.waitForSelector("#send:enabled");
  await page.fill("#input", "one");
  await page.press("#input", "Enter");
  await told(page, /^This browser keeps no conversations/);
  await ended(page);
  await begin(page, "two");
  assert.equal(await page.textContent("#notice"), "");
  if (await page.isHidden("#sidebar")) await page.click("#show-sidebar");
  await shows(page, ["two", "one"]);
  await page.click(`${OPEN}:text-is("one")`);
  await isOpen(page, "one");
  assert.deepEqual(await questions(page), ["one"]);
});

check("everything can be done with the keyboard", async () => {
  const page = await listed(["one", "two"]);
  const press = async (...keys) => { for (const key of keys) await page.keyboard.press(key); };
  const active = () => page.evaluate(() => document.activeElement.ariaLabel || document.activeElement.textContent);
  await page.focus("#search");
  await press("Tab", "Tab");
  assert.equal(await active(), "two");
  await press("Tab");
  assert.equal(await active(), "Actions: two");
  await press("Tab");
  assert.equal(await active(), "one");
  await press("Enter");
  await isOpen(page, "one");
  await menu(page, "one").focus();
  await press("Enter", "Tab");
  assert.equal(await active(), "Rename");
  await page.keyboard.type("wrong");
  await press("Escape");
  assert.equal(await active(), "Actions: one");
  assert.equal(await page.locator("#conversations [open]").count(), 0);
  await press("Enter", "Tab", "Control+a");
  await page.keyboard.type("first");
  await press("Enter");
  await shows(page, ["two", "first"]);
  assert.equal(await active(), "Actions: first");
  await press("Enter", "Tab", "Tab");
  assert.equal(await active(), "Delete");
  await press("Enter");
  await page.waitForSelector("#question[open]");
  await press("Escape");
  await page.waitForSelector("#question:not([open])", { state: "attached" });
  await shows(page, ["two", "first"]);
});

check("the list speaks the user's language, and leaves titles alone", async () => {
  const page = await listed(["Search", "Rename"], { locale: "de-DE" });
  await page.getByLabel("Aktionen: Rename", { exact: true }).click();
  assert.equal(await page.getAttribute("#conversations [open] input", "aria-label"), "Umbenennen");
  assert.deepEqual(await page.locator(OPEN).allTextContents(), ["Rename", "Search"]);
  assert.equal(await page.getAttribute("#search", "placeholder"), "Suchen");
});

check("on a phone the list covers the chat, and gives way to what is opened", async () => {
  const page = await ready(undefined, PHONE);
  await ask(page, "one");
  await begin(page, "two");
  await page.click("#show-sidebar");
  await shows(page, ["two", "one"]);
  await shot(page, "conversations-phone");
  await page.click(`${OPEN}:text-is("two")`);
  await page.waitForSelector("#sidebar", { state: "hidden" });
  await page.click("#show-sidebar");
  await page.click("#close-sidebar");
  await page.waitForSelector("#sidebar", { state: "hidden" });
  await page.click("#show-sidebar");
  await page.click(`${OPEN}:text-is("one")`);
  await page.waitForSelector("#sidebar", { state: "hidden" });
  assert.deepEqual(await questions(page), ["one"]);
});
