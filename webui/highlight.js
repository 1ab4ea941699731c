// A block of code that grows line by line, with a button to copy it and colours for what every language has: keywords, strings,
// numbers, comments. What is open at the end of a line (a comment, a long string) is carried to the next.

import { Lines } from "./inline.js";
import { t } from "./i18n.js";
import { copyButton, element } from "./view.js";

const words = (list) => String.raw`\b(?:${list.replaceAll(" ", "|")})\b`;
const C = words("abstract as async await bool break case catch char class const continue def default defer delete do double else enum"
  + " export extends false final finally float fn for foreach from func fun function go goto if impl implements import in"
  + " instanceof int interface let long loop match mod mut namespace new nil null nullptr override package private protected"
  + " pub public readonly return self short signed sizeof static string struct super switch template this throw throws trait"
  + " true try type typedef typename typeof undefined union unsafe unsigned use using val var virtual void while yield");
const PYTHON = words("and as assert async await break case class continue def del elif else end except False finally for from global if"
  + " import in is lambda match None nonlocal not or pass raise return self True try while with yield");
const SHELL = words("case cd do done echo elif else esac exit export fi for function if in local read return set source sudo then until"
  + " while");
const SQL = words("add all alter and as asc begin between by case check column constraint create default delete desc distinct drop else"
  + " end exists foreign from full group having in index inner insert into is join key left like limit not null offset on or"
  + " order outer primary references right select set table then union unique update values view when where with");
const DATA = words("true false null yes no on off");

const QUOTED = String.raw`"(?:[^"\\]|\\.)*"?`;
const STRING = String.raw`${QUOTED}|'(?:[^'\\]|\\.)*'?`;
const NUMBER = String.raw`\b\d[\w.]*(?:(?<=\de)[-+]\d+)?`;
const SLASHES = String.raw`\/\/.*|\/\*`;
const GROUP = 32; // lines
const CLOSERS = { "/*": "*/", "<!--": "-->", '"""': '"""', "'''": "'''", "`": "`" }; // of what can go on in the next line

// Names of languages; a comment or its begin, a string or its begin, a keyword.
const LANGUAGES = [
  ["js javascript mjs jsx ts typescript tsx c h cpp c++ cc cs csharp c# java go golang kotlin swift php dart scala json jsonc json5",
    SLASHES, `${STRING}|\``, C],
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

/** A block of code in a language; `node` shows it. */
export class Code extends Lines {
  kind = "code";
  #open = "";
  #lines = 0;

  constructor(language = "") {
    const whole = element("code");
    super(whole);
    this.whole = whole;
    this.language = language.toLowerCase();
    const bar = element("div", { class: "bar" }, element("span", {}, language || "text"), copyButton(() => whole.textContent));
    const pre = element("pre", { tabindex: "0", role: "group", "aria-label": t("Code") }, this.into);
    this.node = element("div", { class: "code" }, bar, pre);
  }

  /** Lines are laid out in groups, so that a new one costs the same in a long block. */
  line() {
    super.line();
    this.#lines += 1;
    if (this.#lines % GROUP) return;
    this.move(element("span", { class: "lines" }));
    this.whole.append(this.into);
  }

  parts(line, final) {
    const { parts, open } = tokens(this.language, line, this.#open);
    if (final) this.#open = open;
    return parts.map(([name, text]) => (name ? element("span", { class: name }, text) : text));
  }
}
