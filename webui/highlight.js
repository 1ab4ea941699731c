// A block of code that grows line by line, with its language, a button to copy it, and colours for what any language has:
// keywords, strings, numbers, comments. What is open at the end of a line (a comment, a long string) is carried to the next.

import { cut, fill } from "./inline.js";
import { copyButton, element } from "./view.js";

const LIMIT = 1000; // characters of a line that are looked at together

const WORDS = {
  c: "abstract as async await bool break case catch char class const constexpr continue def default defer delete do double else enum export extends"
    + " extern false final finally float fn for foreach from fun func function go goto if impl implements import in instanceof int interface internal"
    + " let long loop match mod mut namespace new nil null nullptr of operator override package private protected pub public range readonly ref return"
    + " self short signed sizeof static string struct super switch template this throw throws trait true try type typedef typename typeof undefined"
    + " union unsafe unsigned use using val var virtual void volatile where while yield",
  python: "and as assert async await break case class continue def del elif else end except False finally for from global if import in is lambda match None"
    + " nonlocal not or pass raise return self then True try unless while with yield",
  shell: "case cd do done echo elif else esac exit export fi for function if in local read return set source sudo then unset until while",
  sql: "add all alter and any as asc begin between by case check column commit constraint count create cross database default delete desc distinct drop else end"
    + " exists foreign from full group having in index inner insert into is join key left like limit not null offset on or order outer primary references"
    + " right rollback select set table then union unique update values view when where with",
  data: "true false null yes no on off",
};

const STRING = String.raw`"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?`;
const NUMBER = String.raw`\b(?:0[xb][\da-f_]+|\d[\d_]*(?:\.\d+)?(?:e[-+]?\d+)?)\w*`;
const kind = (words, open, comment, string = STRING, flags = "g") =>
  ({ open, pattern: new RegExp(`(?<c>${comment})|(?<s>${string})|(?<n>${NUMBER})|(?<k>${words})`, flags) });
const among = (words) => String.raw`\b(?:${words.replaceAll(" ", "|")})\b`;

const C = kind(among(WORDS.c), { "/*": "*/", "`": "`" }, String.raw`\/\/.*|\/\*`, `${STRING}|\``);
const RUST = kind(among(WORDS.c), { "/*": "*/" }, String.raw`\/\/.*|\/\*`, String.raw`"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)'`);
const PYTHON = kind(`${among(WORDS.python)}|@\\w+`, { '"""': '"""', "'''": "'''" }, "#.*", `"""|'''|${STRING}`);
const SHELL = kind(among(WORDS.shell), {}, String.raw`(?<!\S)#.*`);
const SQL = kind(among(WORDS.sql), { "/*": "*/" }, String.raw`--.*|\/\*`, STRING, "gi");
const MARKUP = kind(String.raw`<\/?[\w:-]+|\/?>`, { "<!--": "-->" }, "<!--", String.raw`(?<==)(?:"[^"]*"?|'[^']*'?)`);
const CSS = kind(String.raw`@[\w-]+|(?<![\w-])[\w-]+(?=\s*:)`, { "/*": "*/" }, String.raw`\/\*`);
const DATA = kind(String.raw`${among(WORDS.data)}|(?<![\w.-])[\w.-]+(?=\s*[:=])`, {}, String.raw`(?<!\S)[#;].*`);
const JSON_ = kind(among(WORDS.data), { "/*": "*/" }, String.raw`\/\/.*|\/\*`);

const LANGUAGES = new Map([
  [C, "js javascript mjs jsx ts typescript tsx c h cpp c++ cc cs csharp c# java go golang kotlin swift php dart scala zig"], [RUST, "rust rs"],
  [PYTHON, "python py python3 ruby rb r julia elixir lua perl nim"], [SHELL, "sh bash shell zsh console dockerfile makefile powershell"], [SQL, "sql sqlite mysql postgresql"],
  [MARKUP, "html xml svg vue"], [CSS, "css scss less"], [DATA, "yaml yml toml ini"], [JSON_, "json jsonc json5"],
].flatMap(([family, names]) => names.split(" ").map((name) => [name, family])));

/** The parts of a line as `[class or "", text]`, and what is open at its end; `open` is what was open before. */
export function tokens(language, line, open = "") {
  const family = LANGUAGES.get(language.toLowerCase());
  const parts = [];
  const say = (name, text) => text && parts.push([name, text]);
  let at = 0;
  const close = (name, closer, from) => {
    const found = line.indexOf(closer, from);
    const end = found < 0 ? line.length : found + closer.length;
    say(name, line.slice(at, end));
    at = end;
    return found < 0 ? name + closer : "";
  };
  if (open) open = close(open[0], open.slice(1), 0);
  while (family && !open) {
    family.pattern.lastIndex = at;
    const found = family.pattern.exec(line);
    if (!found) break;
    say("", line.slice(at, found.index));
    at = found.index;
    const name = "csnk".split("").find((one) => found.groups[one] !== undefined);
    if (Object.hasOwn(family.open, found[0])) open = close(name, family.open[found[0]], at + found[0].length);
    else {
      say(name, found[0]);
      at += found[0].length;
    }
  }
  say("", line.slice(at));
  return { parts, open };
}

/** A block of code in a language; `node` shows it. */
export class Code {
  kind = "code";
  #code = element("code");
  #line = null; // what of the last line is not settled
  #open = "";
  #settled = null; // the last node that stays

  constructor(language, label) {
    this.language = language;
    const bar = element("div", { class: "bar" }, element("span", {}, language || "text"), copyButton(() => this.#code.textContent));
    const pre = element("pre", { tabindex: "0", role: "group", "aria-label": label }, this.#code);
    this.node = element("div", { class: "code" }, bar, pre);
  }

  /** Begin a line. */
  line() {
    if (this.#line !== null) this.#settle(this.#line, "\n");
    this.#line = "";
  }

  write(text) {
    this.#line += text;
    while (this.#line.length >= LIMIT) {
      const end = cut(this.#line, LIMIT);
      const rest = this.#line.slice(end);
      this.#settle(this.#line.slice(0, end));
      this.#line = rest;
    }
    this.#clear();
    fill(this.#code, colour(tokens(this.language, this.#line, this.#open).parts), null);
  }

  end() {
    this.#settle(this.#line ?? "");
  }

  #settle(line, end = "") {
    const { parts, open } = tokens(this.language, line, this.#open);
    this.#clear();
    fill(this.#code, [...colour(parts), end]);
    this.#open = open;
    this.#settled = this.#code.lastChild;
  }

  #clear() {
    while (this.#code.lastChild !== this.#settled) this.#code.lastChild.remove();
  }
}

const colour = (parts) => parts.map(([name, text]) => (name ? element("span", { class: name }, text) : text));
