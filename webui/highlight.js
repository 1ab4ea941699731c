// A block of code that grows line by line, with a button to copy it and colours for what nearly every language has: keywords,
// strings, numbers, comments. What is open at the end of a line (a comment, a long string) is carried to the next.

import { Rows } from "./inline.js";
import { t } from "./i18n.js";
import { copyButton, element } from "./view.js";

const KEYWORDS = "abstract and as assert async await bool break case catch char class const continue def default defer del delete do done"
  + " double elif else end enum esac except export extends false fi final finally float fn for from func function if impl implements"
  + " import in int interface is lambda let long loop match mod mut namespace new nil none not null or package pass private protected"
  + " pub public raise readonly return self static string struct super switch then this throw trait true try type typeof undefined"
  + " union unless unsigned until use using var void when where while with yield"
  + " add all alter between by create desc distinct drop exists foreign group having index inner insert into join key left like limit"
  + " on order outer primary references right select set table update values view";
const CLOSERS = { "/*": "*/", "<!--": "-->", '"""': '"""', "'''": "'''", "`": "`" }; // of what can go on in the next line

// How a comment begins; the languages where it does.
const LANGUAGES = [
  [String.raw`(?<!:)\/\/.*|\/\*`, "c c# c++ cc cpp cs csharp css dart go h java javascript js json json5 jsonc jsx kotlin less php rs rust scala"
    + " scss swift ts tsx typescript"],
  [String.raw`(?<!\S)#.*`, "bash console dockerfile elixir ini julia makefile perl py python r rb ruby sh shell toml yaml yml zsh"],
  [String.raw`--.*|\/\*`, "haskell lua mysql postgresql sql sqlite"],
  ["<!--", "html markdown md svg vue xml"],
].map(([comment, names]) => [names.split(" "), new RegExp(String.raw`(?<c>${comment})|(?<s>"""|'''|${"`"}|"(?:[^"\\]|\\.)*"?`
  + String.raw`|(?<![a-z]{2})'(?:[^'\\]|\\.)*'?)|(?<n>\b\d[\w.]*)|(?<k>\b(?:${KEYWORDS.replaceAll(" ", "|")})\b)`, "gi")]);

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
    const name = Object.keys(found.groups).find((one) => found.groups[one]);
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
export class Code extends Rows {
  #open = ""; // before the row
  #next = ""; // after it

  constructor(language) {
    const code = element("code");
    super(code);
    this.language = language.toLowerCase();
    const bar = element("div", { class: "bar" }, element("span", {}, language || "text"), copyButton(() => code.textContent));
    const pre = element("pre", { tabindex: "0", role: "group", "aria-label": t("Code") }, code);
    this.node = element("div", { class: "code" }, bar, pre);
  }

  settle(newline) {
    super.settle(newline);
    this.#open = this.#next;
  }

  row(line) {
    const { parts, open } = tokens(this.language, line, this.#open);
    this.#next = open;
    return element("span", {}, ...parts.map(([name, text]) => (name ? element("span", { class: name }, text) : text)));
  }
}
