// A block of code that grows line by line, with a button to copy it and colours for what every language has: keywords, strings,
// numbers, comments. What is open at the end of a line (a comment, a long string) goes on in the next.

import { Rows } from "./inline.js";
import { t } from "./i18n.js";
import { copyButton, element } from "./view.js";

const KEYWORDS = "and as async await bool break by case catch char class const continue create def default delete do done double elif else end enum"
  + " export extends false fi finally float fn for from func function group if impl import in insert int into is join let limit match"
  + " namespace new nil none not null on or order pass private pub public raise return select self set static string struct switch table"
  + " then this throw trait true try type update use using values var void where while with yield";
const LONG = { "/*": "*/", "<!--": "-->", '"""': '"""', "'''": "'''", "`": "`" }; // what can go on in the next line, and its end

// How a comment looks; the languages where it does.
const LANGUAGES = [
  [String.raw`(?<!:)\/\/.*|\/\*.*?(?:\*\/|$)`, "c c++ cpp cs csharp css go java javascript js json jsx kotlin php rust scss swift ts tsx typescript"],
  [String.raw`(?<!\S)#.*`, "bash dockerfile ini julia makefile perl py python r rb ruby sh shell toml yaml yml"],
  [String.raw`--.*|\/\*.*?(?:\*\/|$)`, "lua sql"],
  ["<!--.*?(?:-->|$)", "html markdown svg vue xml"],
].map(([comment, names]) => [names.split(" "), new RegExp(String.raw`(?<c>${comment})|(?<s>("""|'''|\x60).*?(?:\3|$)|"(?:[^"\\]|\\.)*"?`
  + String.raw`|(?<![a-z]{2})'(?:[^'\\]|\\.)*'?)|(?<n>\b\d[\w.]*)|(?<k>\b(?:${KEYWORDS.replaceAll(" ", "|")})\b)`, "gi")]);

/** The parts of a line as `[class or "", text]`, and what is open at its end; `open` is what was open before. */
export function tokens(language, line, open = "") {
  const pattern = LANGUAGES.find(([names]) => names.includes(language))?.[1] ?? /(?!)/g;
  const text = open + line;
  const parts = [];
  let [at, next] = [open.length, ""];
  for (const { 0: all, index, groups } of text.matchAll(pattern)) {
    const end = index + all.length;
    parts.push(["", text.slice(at, index)], [Object.keys(groups).find((name) => groups[name]), text.slice(Math.max(at, index), end)]);
    at = end;
    const begin = Object.keys(LONG).find((one) => all.startsWith(one));
    if (begin && !all.slice(begin.length).endsWith(LONG[begin])) next = begin;
  }
  return { parts: [...parts, ["", text.slice(at)]].filter(([, part]) => part), open: next };
}

/** A block of code in a language; `node` shows it. */
export class Code extends Rows {
  #open = ""; // before the row

  constructor(language) {
    const code = element("code");
    super(code);
    this.language = language.toLowerCase();
    const bar = element("div", { class: "bar" }, element("span", {}, language || "text"), copyButton(() => code.textContent));
    const pre = element("pre", { tabindex: "0", role: "group", "aria-label": t("Code") }, code);
    this.node = element("div", { class: "code" }, bar, pre);
  }

  row(line, final) {
    const { parts, open } = tokens(this.language, line, this.#open);
    if (final) this.#open = open;
    return element("span", {}, ...parts.map(([name, text]) => (name ? element("span", { class: name }, text) : text)));
  }
}
