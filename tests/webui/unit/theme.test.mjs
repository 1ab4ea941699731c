// The publisher's colour becomes one that can be read, and stays as it is where it can be already.

import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, readable } from "../../../webui/theme.js";

const PAPERS = [[251, 250, 247], [24, 23, 21], [255, 255, 255], [0, 0, 0], [119, 119, 119]];

/** Numbers that look random and are the same in every run. */
function random(seed) {
  return () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
}

test("contrast is WCAG's", () => {
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.equal(contrast([9, 80, 200], [9, 80, 200]), 1);
  assert.equal(contrast([255, 255, 255], [119, 119, 119]).toFixed(2), "4.48");
  assert.equal(contrast([118, 118, 118], [255, 255, 255]).toFixed(2), "4.54");
  assert.equal(contrast([255, 0, 0], [255, 255, 255]).toFixed(2), "4.00");
});

test("500 random colours can be read on every paper, each no further away than needed", () => {
  const next = random(7);
  for (let n = 0; n < 500; n += 1) {
    const colour = [next(), next(), next()].map((share) => Math.floor(share * 256));
    for (const paper of PAPERS) {
      for (const least of [4.5, 7]) {
        if (Math.max(contrast(paper, [0, 0, 0]), contrast(paper, [255, 255, 255])) < least) continue;
        const shade = readable(colour, paper, least);
        const where = `${colour} on ${paper}: ${shade}`;
        assert.ok(shade.every((channel) => Number.isInteger(channel) && channel >= 0 && channel <= 255), where);
        assert.ok(contrast(shade, paper) >= least, where);
        if (contrast(colour, paper) >= least) assert.deepEqual(shade, colour, where);
        else assert.ok(contrast(shade, paper) < least * 1.25, `too far: ${where}`);
      }
    }
  }
});

test("a shade keeps its hue", () => {
  const [red, green, blue] = readable([255, 120, 120], PAPERS[0]);
  assert.ok(red > green && Math.abs(green - blue) <= 1);
});
