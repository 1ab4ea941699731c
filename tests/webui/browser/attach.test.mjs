// Files with a message: by button, by drop and by paste; their tokens before they are sent; what is refused, and how it is said.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REFUSED, check, ended, ready, shot } from "./harness.mjs";

const DATA = join(import.meta.dirname, "../data");
const plain = (name, text, mimeType = "") => ({ name, mimeType, buffer: Buffer.from(text) });
const data = (name) => plain(name, readFileSync(join(DATA, name)));
const chips = async (page) => {
  await page.waitForFunction(() => document.querySelector("#files li") && !document.querySelector("#files .soft"));
  return (await page.locator("#files li").allTextContents()).map((text) => text.replace(/×$/, ""));
};
const first = async (page) => (await chips(page))[0];

/** Do with files what a browser does when they are dropped or pasted; of a picture, `text` stands beside it. */
const give = (page, type, files, text) => page.evaluate(([kind, given, beside]) => {
  const data = new DataTransfer();
  for (const [name, content] of given) data.items.add(new File([content], name));
  if (beside) data.setData("text/plain", beside);
  const fields = kind === "paste" ? { clipboardData: data } : { dataTransfer: data };
  const event = new (kind === "paste" ? ClipboardEvent : DragEvent)(kind, { bubbles: true, cancelable: true, ...fields });
  return !document.querySelector("#input").dispatchEvent(event);
}, [type, files, text]);

check("a text and a PDF: counted, read, removed, sent", async () => {
  const page = await ready();
  const sent = [];
  page.on("request", (request) => request.url().endsWith("/chat/completions") && sent.push(request.postDataJSON()));
  await page.setInputFiles("#pick", [plain("<b>note</b>.txt", "Twelve bytes"), data("mupdf.pdf"), plain("three.md", "```\nx\n```")]);
  const mupdf = "Zürich, façade, naïve, café: 12,50 EUR\nOffice, waffle, (efficient).";
  const tokens = Buffer.byteLength(mupdf); // to the scripted engine, each byte is one
  assert.deepEqual((await chips(page)).map((text) => text.split(": ")[1]), ["12 tokens", `${tokens} tokens`, "9 tokens"]);
  assert.match(await page.textContent("#sum"), new RegExp(`^${tokens + 21} tokens in files, [\\d,]+ fit$`));
  await shot(page, "attach");
  await page.click('#files button[aria-label="Remove three.md"]');
  assert.match(await page.textContent("#sum"), new RegExp(`^${tokens + 12} tokens`));
  await page.fill("#input", "What is it?");
  await page.press("#input", "Enter");
  await ended(page);
  const { content } = sent[0].messages.at(-1);
  assert.match(content, /<b>note<\/b>\.txt:\n```\nTwelve bytes\n```/);
  assert.match(content, /mupdf\.pdf:\n```\nZürich.*\n```\n\nWhat is it\?$/s);
  assert.equal(await page.locator("#files li").count(), 0);
  assert.equal(await page.textContent("#sum"), "");
  assert.equal(await page.locator("b").count(), 0);
});

check("by drop and by paste; a paste with words beside it is words", async () => {
  const page = await ready();
  assert.ok(await give(page, "dragover", [["a.txt", "alpha"]]));
  assert.ok(await give(page, "drop", [["a.txt", "alpha"]]));
  assert.equal(await first(page), "a.txt: 5 tokens");
  await give(page, "paste", [["b.txt", "be"]]);
  await page.waitForFunction(() => document.querySelectorAll("#files .file").length === 2);
  await give(page, "paste", [["c.png", "x"]], "words");
  assert.equal(await page.locator("#files li").count(), 2);
});

check("every refusal says why, and is gone with the next files", async () => {
  const page = await ready();
  const unreadable = "Only text, PDF and pictures can be read.";
  const empty = "It has no text, as scans have none.";
  const cases = [
    [plain("empty.txt", ""), empty],
    [plain("white.txt", " \n"), empty],
    [plain("program", Buffer.from([127, 69, 76, 70, 2, 1, 0, 0])), unreadable],
    [data("locked.pdf"), "It needs a password."],
    [data("scanned.pdf"), empty],
    [plain("broken.pdf", "%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj 2 0 obj << /Kids [2 0 R] >> endobj"), unreadable],
    [plain("big.bin", Buffer.alloc(17 * 2 ** 20, 65)), "Larger than 16 MB."],
    [plain("cat.png", Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d]), "image/png"), "This model reads text only."],
  ];
  for (const [source, expected] of cases) {
    await page.setInputFiles("#pick", source);
    await page.waitForFunction((name) => document.querySelector("#files .problem")?.textContent.startsWith(name), source.name);
    assert.deepEqual(await chips(page), [`${source.name}: ${expected}`]);
  }
  await page.setInputFiles("#pick", plain("good.txt", "good"));
  await page.waitForSelector("#files .file");
  assert.equal(await page.locator("#files li").count(), 1);
});

check("nothing is sent while a file is being read; in a notebook there are no files", async () => {
  const page = await ready();
  let go;
  await page.route("**/tokenize", (route) => new Promise((resolve) => (go = resolve)).then(() => route.continue()));
  await page.setInputFiles("#pick", plain("a.txt", "alpha"));
  await page.waitForSelector("#files .soft");
  assert.equal(await page.textContent("#files .soft"), "a.txt: Reading…×");
  await page.fill("#input", "What is it?");
  await page.press("#input", "Enter");
  assert.equal(await page.inputValue("#input"), "What is it?");
  go();
  await page.waitForSelector("#files .file");
  if (await page.isHidden("#sidebar")) await page.click("#show-sidebar");
  await page.click("#new-notebook");
  assert.ok(await page.isHidden("#files"));
  assert.ok(await give(page, "drop", [["b.txt", "be"]]));
  await page.click("#new");
  assert.deepEqual(await chips(page), ["a.txt: 5 tokens"]);
  await page.fill("#input", "What is it?");
  await page.press("#input", "Enter");
  await ended(page);
});

check("twenty files, and no more; more tokens than fit are marked", async () => {
  const page = await ready();
  await page.setInputFiles("#pick", Array.from({ length: 30 }, (_, at) => plain(`${at}.txt`, "x".repeat(900))));
  await page.waitForFunction(() => document.querySelectorAll("#files .file").length === 20);
  assert.equal((await chips(page)).at(-1), "20.txt: At most 20 files.");
  assert.match(await page.textContent("#sum"), /^18,000 tokens/);
  assert.ok(await page.locator("#sum.problem").count());
});

check("where the model sees: pictures, made smaller where they are large", async () => {
  const page = await ready();
  await page.route("**/props", async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), modalities: { vision: true } } });
  });
  await page.reload();
  await page.waitForSelector("#send:enabled");
  const png = (width, height) => page.evaluate(async ([w, h]) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: w, height: h });
    canvas.getContext("2d").fillRect(0, 0, w / 2, h);
    return canvas.toDataURL("image/png").split(",")[1];
  }, [width, height]).then((text) => Buffer.from(text, "base64"));
  const sent = [];
  page.on("request", (request) => request.url().endsWith("/chat/completions") && sent.push(request.postDataJSON()));
  await page.setInputFiles("#pick", [plain("small.png", await png(40, 30), "image/png"), plain("large.png", await png(5000, 1000), "image/png"), plain("no.gif", "GIF89a...", "image/gif")]);
  await page.waitForSelector("#files .problem");
  assert.deepEqual(await chips(page), ["small.png: ✓", "large.png: ✓", "no.gif: Only text, PDF and pictures can be read."]);
  await shot(page, "attach-pictures");
  await page.fill("#input", "What is it?");
  await page.press("#input", "Enter");
  await ended(page);
  await page.waitForFunction(() => [...document.querySelectorAll(".user img")].every((one) => one.naturalWidth));
  const pictures = await page.locator(".user img").evaluateAll((all) => all.map((one) => [one.src.slice(0, 15), one.naturalWidth, one.naturalHeight, one.alt]));
  assert.deepEqual(pictures, [["data:image/jpeg", 40, 30, "small.png"], ["data:image/jpeg", 1280, 256, "large.png"]]);
  assert.deepEqual(sent[0].messages.at(-1).content.map(({ type }) => type), ["image_url", "image_url", "text"]);
}, { expects: REFUSED }); // the engine of these tests sees nothing

check("by keyboard: the button that removes, and the one that adds", async () => {
  const page = await ready();
  await page.setInputFiles("#pick", plain("a.txt", "alpha"));
  await page.waitForSelector("#files .file");
  await page.focus("#files button");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#files li").count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.id), "input");
  const chooser = page.waitForEvent("filechooser");
  await page.focus("#attach");
  await page.keyboard.press("Enter");
  assert.ok((await chooser).isMultiple());
});
