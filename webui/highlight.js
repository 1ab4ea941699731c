// A block of code that grows line by line, with a button to copy it and colours for what every language has: keywords, strings,
// numbers, comments. What is open at the end of a line (a comment, a long string) is carried to the next.

import { cut, fill } from "./inline.js";
import { t } from "./i18n.js";
import { copyButton, element } from "./view.js";

const LIMIT = 1000; // characters of a line that are looked at together

const words = (list) => String.raw`\b(?:${list.replaceAll(" ", "|")})\b`;
const C = words("abstract as async await bool break case catch char class const constexpr continue def default defer delete do double else enum export extends false"
  + " final finally float fn for foreach from func fun function go goto if impl implements import in instanceof int interface internal let long loop match mod mut"
  + " namespace new nil null nullptr of override package private protected pub public range readonly return self short signed sizeof static string struct super"
  + " switch template this throws throw trait true try typedef type typename typeof undefined union unsafe unsigned use using val var virtual void volatile where while yield");
const PYTHON = words("and as assert async await break case class continue def del elif else end except False finally for from global if import in is lambda match None"
  + " nonlocal not or pass raise return self then True try unless while with yield");
const SHELL = words("case cd do done echo elif else esac exit export fi for function if in local read return set source sudo then unset until while");
const SQL = words("add all alter and as asc begin between by case check column commit constraint create cross default delete desc distinct drop else end exists foreign from"
  + " full group having if in index inner insert into is join key left like limit not null offset on or order outer primary references right rollback select set table then"
  + " union unique update values view when where with");
const DATA = words("true false null yes no on off");

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"?`;
const STRING = String.raw`${QUOTED}|'(?:[^'\\]|\\.)*'?`;
const NUMBER = String.raw`\b\d[\w.]*(?:(?<=\de)[-+]\d+)?`;
const SLASHES = String.raw`\/\/.*|\/\*`;
const CLOSERS = { "/*": "*/", "<!--": "-->", '"""': '"""', "'''": "'''", "`": "`" }; // of what can go on in the next line

// Names of languages; a comment or its begin, a string or its begin, a keyword.
const LANGUAGES = [
  ["js javascript mjs jsx ts typescript tsx c h cpp c++ cc cs csharp c# java go golang kotlin swift php dart scala json jsonc json5", SLASHES, `${STRING}|\``, C],
  ["rust rs", SLASHES, String.raw`${QUOTED}|'(?:[^'\\]|\\.)'`, C],
  ["python py python3 ruby rb r julia elixir perl", "#.*", `"""|'''|${STRING}`, `${PYTHON}|@\\w+`],
  ["sh bash shell zsh console dockerfile makefile", String.raw`(?<!\S)#.*`, STRING, SHELL],
  ["sql sqlite mysql postgresql", String.raw`--.*|\/\*`, STRING, SQL, "gi"],
  ["html xml svg vue", "<!--", String.raw`(?<==)(?:"[^"]*"?|'[^']*'?)`, String.raw`<\/?[\w:-]+|\/?>`],
  ["css scss less", String.raw`\/\*`, STRING, String.raw`@[\w-]+|(?<![\w-])[\w-]+(?=\s*:)`],
  ["yaml yml toml ini", String.raw`(?<!\S)[#;].*`, STRING, String.raw`${DATA}|(?<![\w.-])[\w.-]+(?=\s*[:=])`],
].map(([names, comment, string, keyword, flags = "g"]) =>
  [names.split(" "), new RegExp(`(?<c>${comment})|(?<s>${string})|(?<n>${NUMBER})|(?<k>${keyword})`, flags)]);

/** The parts of a line as `[class or "", text]`, and what is open at its end; `open` is what was open before. */
export function tokens(language, line, open = "") {
  const pattern = LANGUAGES.find(([names]) => names.includes(language))?.[1];
  const parts = [];
  let at = 0;
  const say = (name, end) => {
    if (end > at) parts.push([name, line.slice(at, end)]);
    at = end;
  };
  const close = (from) => {
    const end = line.indexOf(open.slice(1), from);
    say(open[0], end < 0 ? line.length : end + open.length - 1);
    if (end >= 0) open = "";
  };
  if (open) close(0);
  while (pattern && !open) {
    pattern.lastIndex = at;
    const found = pattern.exec(line);
    if (!found) break;
    say("", found.index);
    const name = Object.keys(found.groups).find((one) => found.groups[one] !== undefined);
    const end = at + found[0].length;
    if (Object.hasOwn(CLOSERS, found[0])) {
      open = name + CLOSERS[found[0]];
      close(end);
    } else say(name, end);
  }
  say("", line.length);
  return { parts, open };
}

/** A block of code in a language; `node` shows it. A line is begun by `line`, and written piece by piece; `show` draws it. */
export class Code {
  kind = "code";
  #code = element("code");
  #line = null; // what of the last line is not settled
  #open = "";
  #settled = null; // the last node that stays

  constructor(language = "") {
    this.language = language.toLowerCase();
    const bar = element("div", { class: "bar" }, element("span", {}, language || "text"), copyButton(() => this.#code.textContent));
    const pre = element("pre", { tabindex: "0", role: "group", "aria-label": t("Code") }, this.#code);
    this.node = element("div", { class: "code" }, bar, pre);
  }

  line() {
    if (this.#line !== null) this.#settle(this.#line, "\n");
    this.#line = "";
  }

  write(text) {
    this.#line += text;
    while (this.#line.length >= LIMIT) {
      const end = cut(this.#line, LIMIT);
      this.#settle(this.#line.slice(0, end));
      this.#line = this.#line.slice(end);
    }
  }

  show() {
    this.#draw(this.#line ?? "", null);
  }

  end() {
    this.#settle(this.#line ?? "");
  }

  #settle(line, end = "") {
    this.#open = this.#draw(line, this.#settled);
    fill(this.#code, [end]);
    this.#settled = this.#code.lastChild;
  }

  #draw(line, last) {
    const { parts, open } = tokens(this.language, line, this.#open);
    while (this.#code.lastChild !== this.#settled) this.#code.lastChild.remove();
    fill(this.#code, parts.map(([name, text]) => (name ? element("span", { class: name }, text) : text)), last);
    return open;
  }
}
