// A growing block of code, coloured by what every language has.

import { Rows } from "./inline.js";
import { t } from "./i18n.js";
import { copyButton, element } from "./view.js";

const KEYWORDS = "and as async await bool break case catch char class const continue def delete do done elif else end enum export extends"
  + " false fi final fn for from func function if import in int is let match namespace new nil none not null or private pub public"
  + " return select self set static string struct switch then this throw true try type update use using var void where while with";
const LONG = { "/*": "*/", "<!--": "-->", '"""': '"""', "'''": "'''", "`": "`" }; // goes on over lines

const LANGUAGES = [
  [/(?<!:)\/\/.*|\/\*.*?(?:\*\/|$)/, "c c++ cpp cs csharp css go java javascript js json jsx kotlin php rust swift ts tsx typescript"],
  [/(?<!\S)#.*/, "bash dockerfile julia makefile perl py python r ruby sh shell toml yaml yml"],
  [/--.*/, "lua sql"],
  [/<!--.*?(?:-->|$)/, "html svg vue xml"],
].map(([{ source }, names]) => [names.split(" "), new RegExp(String.raw`(?<c>${source})|(?<s>("""|'''|\x60).*?(?:\3|$)|"(?:[^"\\]|\\.)*"?`
  + String.raw`|(?<![a-z]{2})'(?:[^'\\]|\\.)*'?)|(?<n>\b\d[\w.]*)|(?<k>\b(?:${KEYWORDS.replaceAll(" ", "|")})\b)`, "gi")]);

/** Parts `[class, text]`, and what is open at the end; `before`: that of the line before. */
export function tokens(language, line, before = "") {
  const pattern = LANGUAGES.find(([names]) => names.includes(language))?.[1] ?? /(?!)/g;
  const text = before + line;
  const parts = [];
  let [at, open] = [before.length, ""];
  for (const { 0: all, index, groups } of text.matchAll(pattern)) {
    const begin = Object.keys(LONG).find((one) => all.startsWith(one));
    if (begin && !all.slice(begin.length).endsWith(LONG[begin])) open = begin;
    const end = index + all.length;
    parts.push(["", text.slice(at, index)], [Object.keys(groups).find((name) => groups[name]), text.slice(Math.max(at, index), end)]);
    at = end;
  }
  return { parts: [...parts, ["", text.slice(at)]].filter(([, part]) => part), open };
}

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
