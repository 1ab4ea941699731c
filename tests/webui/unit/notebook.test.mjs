// What an event of the server says of the tokens it brings.

import assert from "node:assert/strict";
import { test } from "node:test";
import { piecesOf } from "../../../webui/notebook.js";

const token = (bytes, share, ...others) => ({ bytes, logprob: Math.log(share), top_logprobs: [[bytes, share], ...others].map(([one, part]) => ({ bytes: one, logprob: Math.log(part) })) });
const utf8 = (text) => [...new TextEncoder().encode(text)];
const rounded = (pieces) => pieces.map(({ text, options }) => [text, ...options.map((one) => [one.text, Math.round(one.share * 1000)])]);
const of = (content, ...tokens) => rounded(piecesOf({ content, completion_probabilities: tokens }));

test("one token, and the one that was drawn though others were likelier", () => {
  assert.deepEqual(of(" Paris", token(utf8(" Paris"), 0.7, [utf8(" the"), 0.2])), [[" Paris", [" Paris", 700], [" the", 200]]]);
  assert.deepEqual(of(" a", token(utf8(" a"), 0.1, [utf8(" b"), 0.6])), [[" a", [" b", 600], [" a", 100]]]);
});

test("several tokens in one event have one piece each", () => {
  assert.deepEqual(of("ab", token(utf8("a"), 0.5), token(utf8("b"), 0.25)), [["a", ["a", 500]], ["b", ["b", 250]]]);
});

test("parts of a character are one piece, as likely as all of them; others that are parts cannot be chosen", () => {
  const parts = [token([240, 159], 0.5, [utf8("!"), 0.25], [[226], 0.1]), token([166], 0.5), token([132], 0.8)];
  assert.deepEqual(of("🦄 x", ...parts, token(utf8(" x"), 0.5)), [["🦄", ["!", 250], ["🦄", 200]], [" x", [" x", 500]]]);
});

test("an end inside of a character, tokens without text, tokens that are not told", () => {
  assert.deepEqual(of("\ufffd", token([240, 159], 0.5)), [["\ufffd", ["\ufffd", 500]]]);
  assert.deepEqual(of("", token([], 0.5)), []);
  assert.deepEqual(rounded(piecesOf({ content: "words" })), [["words", ["words", 1000]]]);
  assert.deepEqual(of("a", token(utf8("a"), 0.5), token([], 1)), [["a", ["a", 500]]]);
});

test("the field knows one kind of line end", () => assert.deepEqual(of("\r\n", token([13, 10], 0.5)), [["\n", ["\n", 500]]]));
