// Which keys mean what, on each system and keyboard, and that they take nothing away from the browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SHORTCUTS, pressed } from "../../../webui/shortcuts.js";

const PLAIN = { altKey: false, ctrlKey: false, metaKey: false, shiftKey: false };
const key = (name, held = {}) => ({ ...PLAIN, key: name, code: "", ...held });

// What Chromium, Firefox, Safari and Edge keep for themselves or what everybody needs: tabs, windows, addresses, history, finding,
// printing, saving, reloading, zoom, the clipboard, undo, bookmarks, the tools of developers, and the system's own.
const RESERVED = [
  ..."A C D F G H J L M N O P Q R S T U V W X Y Z 0 1 2 3 4 5 6 7 8 9 + - = , [ ] ` Tab PageUp PageDown".split(" ").map((one) => `Ctrl+${one}`),
  ..."A C D G I J K M N P Q R T V W Z Tab Delete".split(" ").map((one) => `Ctrl+Shift+${one}`),
  ..."ArrowLeft ArrowRight Home D E F Tab".split(" ").map((one) => `Alt+${one}`), "Tab", "Shift+Tab", "Shift+Escape", "/", "'", "Backspace",
];

test("no keys are the browser's, and none mean two things at once", () => {
  const all = SHORTCUTS.map(([, keys]) => keys);
  assert.deepEqual(all.filter((keys) => RESERVED.includes(keys)), []);
  assert.deepEqual(all.filter((keys, at) => all.indexOf(keys) !== at), ["Escape"], "Escape stops, or else closes");
  assert.deepEqual(all.filter((keys) => keys.length === 1), [], "no character alone (WCAG 2.1.4)");
  assert.equal(new Set(SHORTCUTS.map(([name]) => name)).size, SHORTCUTS.length);
});

test("Ctrl is ⌘ on a Mac, and nothing else is", () => {
  assert.equal(pressed(key("k", { ctrlKey: true }), false), "Ctrl+K");
  assert.equal(pressed(key("k", { metaKey: true }), true), "Ctrl+K");
  assert.equal(pressed(key("k", { metaKey: true }), false), "Other+K");
  assert.equal(pressed(key("k", { ctrlKey: true }), true), "Other+K");
  assert.equal(pressed(key("k", { ctrlKey: true, metaKey: true }), false), "Other+Ctrl+K");
  assert.equal(pressed(key("O", { ctrlKey: true, shiftKey: true }), false), "Ctrl+Shift+O");
  assert.equal(pressed(key("ArrowUp", { altKey: true }), false), "Alt+ArrowUp");
});

test("a sign is found wherever a keyboard has it, and a letter in every script", () => {
  assert.equal(pressed(key("/", { ctrlKey: true, shiftKey: true, code: "Digit7" }), false), "Ctrl+/", "German");
  assert.equal(pressed(key("?", { shiftKey: true, code: "Minus" }), false), "?");
  assert.equal(pressed(key(";", { ctrlKey: true, shiftKey: true, code: "Comma" }), false), "Ctrl+;", "German");
  assert.equal(pressed(key("л", { ctrlKey: true, code: "KeyK" }), false), "Ctrl+K", "Russian");
  assert.equal(pressed(key("k", { ctrlKey: true, code: "KeyV" }), false), "Ctrl+K", "Dvorak");
  assert.equal(pressed(key("é", { ctrlKey: true, code: "Digit2" }), false), "Ctrl+É");
});

test("an event without a key, as from filling in, is nothing", () => {
  assert.equal(pressed({ ...PLAIN, code: "" }), "");
});
