// What a model might write to break out of its answer, in the real page with its real policy: it stays text however it is cut.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before } from "node:test";
import { ask, check, open, ready } from "./harness.mjs";

const CUT = 50; // of the payloads are cut at every byte
const GOAL_MS = 1000;
const ROOM = process.env.LMFILE_PROOF ? 1 : 10; // times the goal, for slow machines
const canary = createServer((_, response) => {
  canary.asked += 1;
  response.end("<script>window.hit=1</script>");
});
canary.asked = 0;
before(() => new Promise((resolve) => canary.listen(0, "127.0.0.1", resolve)));
after(() => canary.close());

const SCRIPT = "window.hit=1";
const every = (...lists) => lists.reduce((made, list) => made.flatMap((start) => list.map((end) => [...start, end])), [[]]);

/** The payloads by family; `there` is an address that nothing may ask. */
const FAMILIES = {
  elements: (there) => [`<script>${SCRIPT}</script>`, `<script src=${there}></script>`, `<svg onload=${SCRIPT}>`, `<img src=x onerror=${SCRIPT}>`, `<img src=${there}>`,
    `<iframe src=javascript:parent.hit=1>`, `<iframe srcdoc="<script>parent.hit=1</script>">`, `<object data=${there}>`, `<embed src=${there}>`, `<base href=${there}>`,
    `<meta http-equiv=refresh content="0;url=${there}">`, `<form action=${there}><input name=a autofocus onfocus=${SCRIPT}>`, `<style>@import "${there}";*{background:url(${there})}</style>`,
    `<math><mtext></p><img onerror=${SCRIPT} src>`, `<template><script>${SCRIPT}</script></template>`, `<link rel=stylesheet href=${there}>`, `<video src=${there} onerror=${SCRIPT}>`,
    `<audio src=${there}>`, `<details open ontoggle=${SCRIPT}>`, `<body onload=${SCRIPT}>`, `<svg><script>${SCRIPT}</script>`, `<svg><use href=${there}#x>`, `<noscript><p title="</noscript><img src=x onerror=${SCRIPT}>">`,
    `<textarea><img src=x onerror=${SCRIPT}></textarea>`, `<title><script>${SCRIPT}</script>`, `<xmp><script>${SCRIPT}</script>`, `<plaintext><script>${SCRIPT}`, `<a href="javascript:${SCRIPT}">x</a>`,
    `<input type=image src=${there}>`, `<button formaction=javascript:${SCRIPT}>x</button>`, `<frameset onload=${SCRIPT}>`, `<isindex action=javascript:${SCRIPT}>`, `<keygen autofocus onfocus=${SCRIPT}>`,
    `<portal src=${there}>`, `<dialog open>x</dialog>`, `<slot onslotchange=${SCRIPT}>`, `<custom-element onclick=${SCRIPT}>`],
  handlers: () => every(["onerror", "ONLOAD", "onfocus", "onmouseover", "onbegin", "onpointerrawupdate"], ["img src=x", "svg", "a href=x", "p"], ["", "/"])
    .map(([handler, tag, end]) => `<${tag}${end || " "}${handler}=${SCRIPT} autofocus tabindex=0>`),
  links: (there) => every(
    [`javascript:${SCRIPT}`, `JaVaScRiPt:${SCRIPT}`, ` javascript:${SCRIPT}`, `java\tscript:${SCRIPT}`, `java\nscript:${SCRIPT}`, `\x01javascript:${SCRIPT}`, `javascript&colon;${SCRIPT}`,
      `&#106;avascript:${SCRIPT}`, `&#x6a;avascript:${SCRIPT}`, `%6aavascript:${SCRIPT}`, `javascript://x%0a${SCRIPT}`, `data:text/html,<script>${SCRIPT}</script>`, "vbscript:x", "file:///etc/passwd",
      `blob:${there}`, `view-source:${there}`, `//${there.slice(7)}`, "\\\\evil.example", `javascript\u200b:${SCRIPT}`, `ｊavascript:${SCRIPT}`],
    [(to) => `[x](${to})`, (to) => `[x](<${to}>)`, (to) => `![x](${to})`, (to) => `<${to}>`, (to) => `[x][y]\n\n[y]: ${to}`, (to) => `**[*x*](${to} "t")**`]).map(([to, form]) => form(to)),
  pictures: (there) => [`![x](${there})`, `[![x](${there})](${there})`, `![](${there} "t")`, `![x][y]\n\n[y]: ${there}`, `![x](<${there}>)`, `*![x](${there})*`],
  attributes: (there) => [`[a](${there}"onmouseover=${SCRIPT} x=")`, `[a](${there} "x\\" onclick=${SCRIPT}")`, `[" onclick=${SCRIPT}](${there})`, `[a](${there}'style='x')`,
    `<${there}"onclick=${SCRIPT}>`, `${there}"onclick=${SCRIPT}`, `\`\`\`"><img src=x onerror=${SCRIPT}>\nx\n\`\`\``, `\`\`\`js onload=${SCRIPT}\nx`, "~~~constructor\nx", "~~~__proto__\nx\n~~~"],
  blocks: (there) => [`\`\`\`html\n<script>${SCRIPT}</script>\n\`\`\``, `\`\`\`\n<img src=${there}>`, `    <img src=x onerror=${SCRIPT}>`, `| <img src=x onerror=${SCRIPT}> |\n|---|\n| [y](data:text/html,x) |`,
    `|a|\n|-|\n|<script>${SCRIPT}</script>|x|y|`, `> <img src=${there}>`, `- <svg onload=${SCRIPT}>`, `1. > - <iframe src=${there}>`, `# <script>${SCRIPT}</script>`, `$$\n<img src=${there}>\n$$`,
    `$<img src=x onerror=${SCRIPT}>$`, `\\(<img src=x onerror=${SCRIPT}>\\)`, `- [x] <img src=x onerror=${SCRIPT}>`, `***<b>*<i>**</b>*</i>`],
  characters: () => every(["\u202e", "\u2066", "\u200b", "\ufeff", "\0", "\ud800", "\udc00", "\ud83d", "\u2028", "\x1b[31m", "\x7f", "\r", "e\u0301", "👩‍👩‍👧"], ["<script>", "[x](https://a.example/", "`*_"])
    .map(([one, text]) => `${one}${text[0]}${one}${text.slice(1)}${SCRIPT}${one}</script>)${one}`),
  entities: () => [`&lt;script&gt;${SCRIPT}&lt;/script&gt;`, `&amp;lt;img src=x onerror=${SCRIPT}&amp;gt;`, `&#60;script>${SCRIPT}`, `&#x3c;script&#x3e;${SCRIPT}`, `&#0000060script>`, `&ltscript&gt`, "&#0;", "&#xfffffff;", "&NewLine;&Tab;"],
  syntax: () => [`<!--><img src=x onerror=${SCRIPT}>`, `<!-- <img src=x onerror=${SCRIPT}> -->`, `<![CDATA[<script>${SCRIPT}</script>]]>`, `]]><script>${SCRIPT}</script>`, `<?xml-stylesheet href="x"?>`, `<!DOCTYPE html>`,
    `</div></article><script>${SCRIPT}</script>`, `{{constructor.constructor('${SCRIPT}')()}}`, `\${${SCRIPT}}`, `<%= ${SCRIPT} %>`, `";${SCRIPT}//`, `';${SCRIPT}//`, `<scr<script>ipt>${SCRIPT}</script>`, `<img """><script>${SCRIPT}</script>">`,
    `<\0script>${SCRIPT}</script>`, `＜script＞${SCRIPT}`, `<a name=log></a><form id=input>`, `<img name=body><img name=cookie>`, "<p id=send>x</p>", "[constructor](__proto__)", "<a\nhref=x>"],
  nesting: () => every(["*", "**", "***", "_", "~~", "`", "$", "["], [3, 40]).map(([mark, times]) => `${`${mark}a `.repeat(times)}<img src=x onerror=${SCRIPT}>${` a${mark}`.repeat(times)}](javascript:${SCRIPT})`),
};

/** The payloads, of each family in turn. */
function payloads() {
  const lists = Object.values(FAMILIES).map((family) => [...family(`http://127.0.0.1:${canary.address().port}/`)]);
  const longest = Math.max(...lists.map((list) => list.length));
  const made = Array.from({ length: longest }, (_, n) => lists.flatMap((list) => list.slice(n, n + 1))).flat();
  return [...new Set(made)];
}

/** What stands below `selector` that no answer may hold; runs in the browser. */
function foreign(selector) {
  const allowed = {
    a: { href: /^(https?|mailto):/, rel: /^noopener noreferrer$/, target: /^_blank$/ }, button: { type: /^button$/, class: /^(copy)?$/ }, ol: { start: /^\d+$/ }, ul: {},
    div: { class: /^(code|bar|wide|math display)$/, tabindex: /^0$/, role: /^group$/, "aria-label": /^Table$/ }, pre: { tabindex: /^0$/, role: /^group$/, "aria-label": /^Code$/ },
    span: { class: /^([ksnc]|math|math display)$/ }, li: {}, td: { class: /^(center|right)$/ }, th: { class: /^(center|right)$/ },
    ...Object.fromEntries("p h1 h2 h3 h4 h5 h6 hr br blockquote table thead tbody tr code strong em del".split(" ").map((tag) => [tag, {}])),
  };
  const wrong = ({ localName, attributes }) => !Object.hasOwn(allowed, localName)
    || [...attributes].some(({ name, value }) => !allowed[localName][name]?.test(value));
  return [...document.querySelectorAll(selector)].filter(wrong).map((one) => one.outerHTML.slice(0, 200));
}

/** Show each text whole, and each cut in all the ways asked for; returns the texts whose elements differ. Runs in the browser. */
async function cutAll({ texts, cut }) {
  const { Writer, render } = await import("/markdown.js");
  const place = document.body.appendChild(Object.assign(document.createElement("div"), { id: "place" }));
  const target = () => place.appendChild(document.createElement("div"));
  const shown = (write) => {
    const into = target();
    write(into);
    if (into.previousSibling) into.remove(); // the first of each text stays
    return into.innerHTML + JSON.stringify([...into.querySelectorAll("*")].map((one) => [...one.childNodes].map(({ data }) => data)));
  };
  const stream = (pieces) => (into) => {
    const writer = new Writer(into);
    for (const piece of pieces) writer.write(piece);
    writer.end();
  };
  const wrong = [];
  let runs = 0;
  for (const [n, text] of texts.entries()) {
    const kept = target();
    render(kept, text);
    const expected = shown((into) => render(into, text));
    const same = (pieces) => (runs += 1) && shown(stream(pieces)) === expected;
    if (![[text], text.split(""), text.match(/[^]{1,3}/g)].every(same)) wrong.push(text);
    const bytes = new TextEncoder().encode(text);
    const decoded = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
    for (let at = 0; n < cut && decoded === text && at <= bytes.length; at += 1) {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)].map((piece) => decoder.decode(piece, { stream: true }));
      if (!same(pieces)) wrong.push(`${text} cut at ${at}`);
    }
  }
  place.querySelectorAll("[onclick], button").forEach((one) => one.type === "button" || one.click());
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { wrong, runs, hit: window.hit };
}

check("hostile texts stay text, however they are cut", async () => {
  const texts = payloads();
  assert.ok(texts.length >= 300, `${texts.length} payloads`);
  const page = await open();
  const { wrong, runs, hit } = await page.evaluate(cutAll, { texts, cut: CUT });
  assert.deepEqual(wrong, []);
  assert.ok(runs > 3 * texts.length + 50 * CUT, `${runs} runs`);
  assert.equal(hit, undefined);
  assert.deepEqual(await page.evaluate(foreign, "#place > div *"), []);
  assert.equal(canary.asked, 0);
  assert.equal(new URL(page.url()).pathname, "/");
});

check("hostile answers stay text in the chat", async () => {
  const texts = payloads().filter((text) => !/[\0\ud800-\udfff\r]/.test(text)).slice(0, 60);
  const page = await ready();
  for (let n = 0; n < texts.length; n += 6) await ask(page, `hostile ${texts.slice(n, n + 6).join("\n\n")}`, n / 6 + 1);
  await page.reload();
  await page.waitForSelector("#send:enabled");
  assert.equal(await page.evaluate(() => window.hit), undefined);
  assert.deepEqual(await page.evaluate(foreign, ".assistant .text *"), []);
  assert.equal(canary.asked, 0);
});

check("what is selected stays selected while more is written", async () => {
  const page = await open();
  const kept = await page.evaluate(async () => {
    const { Writer } = await import("/markdown.js");
    const place = document.body.appendChild(document.createElement("div"));
    const writer = new Writer(place);
    const write = (text) => text.match(/[^]{1,4}/g).forEach((piece) => writer.write(piece));
    const select = (node, from, to) => getSelection().setBaseAndExtent(node, from, node, to);
    const kept = [];
    write("Some *plain* words that are read, while\n\n```js\nlet x;\nlet y;\n");
    select(place.querySelector("p").firstChild, 1, 4);
    write("more **is** written\n```\n\nA paragraph whose beginning");
    kept.push(String(getSelection()));
    select(place.lastChild.firstChild, 2, 11);
    write(" is selected while it grows, with *em* and `code` and [more");
    kept.push(String(getSelection()));
    writer.end();
    kept.push(String(getSelection()));
    return kept;
  });
  assert.deepEqual(kept, ["ome", "paragraph", "paragraph"]);
});

const BOMBS = {
  brackets: "[", quotes: ">", "quotes of 10,000": `${">".repeat(10_000)}a\n`, stars: "*a ", "bold stars": "**a", ticks: "`a ``b ", "ticks that end nothing": "a\\``", "links in brackets": `[a ${"[x](https://e.f) ".repeat(40)}`, "a fence that stays open": "~~~\n'/* ", fences: "```\n", items: "- a\n", "items in a line": "- ",
  links: "[a](", pictures: "![a](", addresses: "https://", pipes: "|", rows: "|a|\n|-|\n", lines: "a\n", headings: "# a\n", backslashes: "\\", dollars: "$a ", "less-than": "<a", "one word": "a", mixed: "*_`[~",
};

check("a megabyte of hostile text takes a second, and twice as much twice as long", async () => {
  const page = await open();
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" }); // the processor's time, whatever else the machine does
  const used = async () => 1000 * (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ThreadTime").value;
  const show = (text) => import("/markdown.js").then(({ render }) => render(document.createElement("div"), text));
  const time = async (text) => {
    const before = await used();
    await page.evaluate(show, text);
    return Math.round((await used()) - before);
  };
  const over = [];
  for (const [name, piece] of Object.entries(BOMBS)) {
    const whole = await time(piece.repeat(1_000_000 / piece.length));
    if (whole <= GOAL_MS) continue;
    const half = await time(piece.repeat(500_000 / piece.length));
    console.log(`${name}: ${half} and ${whole} ms, more than the goal`);
    if (whole > ROOM * GOAL_MS || whole > 4 * half + GOAL_MS) over.push(`${name}: ${half} and ${whole} ms`);
  }
  assert.deepEqual(over, []);
}, { limitMs: 240_000 });
