// How fast the page is: its first paint, and frames and work while a long answer streams into a long conversation.
//
// With LMFILE_PROOF, a file to which figures are written, it holds the page to its promises on a quiet computer; without, it takes short
// measures and leaves forty times the room, but for counts, which are the same on every computer.

import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { READY, ask, check, open, ready, tab } from "./harness.mjs";

const PROOF = process.env.LMFILE_PROOF;
const ROOM = PROOF ? 1 : 40;
const SECONDS = PROOF ? 12 : 2;
const OPENINGS = PROOF ? 10 : 3;
const FIRST_PAINT_MS = 150 * ROOM;
const FRAME_MS = { median: 17 * ROOM, p99: 50 * ROOM };
const GROWTH = PROOF ? 1.5 : 40;
const SHAPES = ["prose", "list", "code", "table"];
const GROWS = { table: 1.6 }; // its columns are as wide as their widest cells: a browser looks at all rows again
const TOKENS_BEFORE = 20_000;

const rank = (numbers, share) => [...numbers].sort((one, two) => one - two)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))];
const median = (numbers) => rank(numbers, 0.5);

function tell(name, figures) {
  if (PROOF) appendFileSync(PROOF, `${JSON.stringify({ name, ...figures })}\n`);
}

check("the page is painted soon after the server has answered", async () => {
  const times = [];
  for (let n = 0; n < OPENINGS; n += 1) {
    const page = await open();
    times.push(await page.evaluate(firstPaint));
    await page.context().close();
  }
  tell("first paint", { median_ms: Math.round(median(times)), worst_ms: Math.round(Math.max(...times)) });
  assert.ok(median(times) <= FIRST_PAINT_MS, `${times} ms`);
});

/** Milliseconds from the first byte of the server's answer until something is seen; runs in the browser. */
async function firstPaint() {
  const paint = await new Promise((resolve) => new PerformanceObserver((list) =>
    list.getEntriesByName("first-contentful-paint").forEach(resolve)).observe({ type: "paint", buffered: true }));
  return paint.startTime - performance.getEntriesByType("navigation")[0].responseStart;
}

for (const shape of SHAPES) {
  check(`a stream of ${shape} into a long conversation is smooth, and its work does not grow`, async () => {
    const empty = await stream(await ready(), shape);
    const full = await stream(await filled(), shape);
    const figures = {
      median_ms: median(full.frames), p99_ms: rank(full.frames, 0.99), frames: full.frames.length,
      last_to_first: full.work[3] / full.work[0], full_to_empty: sum(full.work) / sum(empty.work), ms_per_token: sum(full.work) * 1000 / (SECONDS * 200),
      nodes_last_to_first: full.nodes[3] / full.nodes[0],
    };
    tell(shape, Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, Number(value.toFixed(2))])));
    assert.ok(figures.median_ms <= FRAME_MS.median && figures.p99_ms <= FRAME_MS.p99, JSON.stringify(figures));
    assert.ok(figures.nodes_last_to_first <= 1.5, `nodes: ${full.nodes}`);
    assert.ok(figures.last_to_first <= GROWTH * (GROWS[shape] ?? 1) && figures.full_to_empty <= GROWTH, JSON.stringify(figures));
  }, { limitMs: 120_000 });
}

const sum = (numbers) => numbers.reduce((one, two) => one + two, 0);

/** A page that shows a conversation of 20,000 tokens of all shapes. */
async function filled() {
  const page = await ready();
  const id = await page.evaluate(fill, TOKENS_BEFORE);
  const shown = await tab(page, `${READY}/#chat=${id}`);
  await shown.waitForSelector("#send:enabled");
  await shown.waitForSelector(".turn");
  await page.close();
  return shown;
}

/** Keep a conversation of so many tokens (of four characters) in the page's store; runs in the browser. Returns its id. */
async function fill(tokens) {
  const [store, tree] = await Promise.all([import("/store.js"), import("/tree.js")]);
  const line = "The river runs past **old stone houses** and a `narrow bridge` that nobody remembers. ";
  const answer = [line.repeat(8), "- a list item\n- another *one*\n  - below it", "| Name | Place |\n|---|---|\n| a | b |\n| c | d |",
    `\`\`\`js\n${"const bridge = river(1, \"old\"); // narrow\n".repeat(12)}\`\`\``, line.repeat(8)].join("\n\n");
  const conversation = tree.create("chat");
  for (let written = 0; written < tokens * 4; written += answer.length) {
    tree.add(conversation, conversation.leaf, { role: "user", content: "And what of the bridge?" });
    tree.add(conversation, conversation.leaf, { role: "assistant", content: answer });
  }
  await store.write(conversation);
  return conversation.id;
}

/** Asks for a stream; the times between its frames (ms), and for each of its quarters the work (s) and the nodes that came and went. */
async function stream(page, shape) {
  const client = await page.context().newCDPSession(page);
  await client.send("Performance.enable", { timeDomain: "threadTicks" }); // the processor's time, whatever else the machine does
  const before = await page.locator(".assistant").count();
  await page.evaluate(watch);
  const asked = ask(page, `replay ${shape} ${SECONDS}`, before + 1);
  await page.waitForFunction((count) => document.querySelectorAll(".assistant .text")[count]?.textContent, before);
  const marks = [await state(page, client)];
  const begin = Date.now();
  for (let quarter = 1; quarter <= 4; quarter += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begin + SECONDS * 250 * quarter - Date.now())));
    marks.push(await state(page, client));
  }
  await asked;
  const frames = await page.evaluate(([from, to]) => window.frames.slice(from, to), [marks[0].frame, marks[4].frame]);
  const quarters = (name) => marks.slice(1).map((mark, at) => mark[name] - marks[at][name]);
  return { frames: frames.slice(1).map((at, n) => at - frames[n]), work: quarters("work"), nodes: quarters("nodes") };
}

/** Log the time of each frame, and count nodes that come and go; runs in the browser. */
function watch() {
  window.frames = [];
  const log = (at) => requestAnimationFrame(log, window.frames.push(at));
  requestAnimationFrame(log);
  window.changes = 0;
  const count = (records) => records.forEach((one) => (window.changes += one.addedNodes.length + one.removedNodes.length));
  new MutationObserver(count).observe(document.getElementById("log"), { childList: true, subtree: true });
}

async function state(page, client) {
  const { metrics } = await client.send("Performance.getMetrics");
  const { ScriptDuration, LayoutDuration, RecalcStyleDuration } = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  const [frame, nodes] = await page.evaluate(() => [window.frames.length, window.changes]);
  return { work: ScriptDuration + LayoutDuration + RecalcStyleDuration, frame, nodes };
}
