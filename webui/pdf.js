// The text of a PDF, where all is written alike: values, then a word that uses them.

import { t } from "./i18n.js";

const WORK = 1e8; // most bytes inflated or made
const TOKEN = /%.*|stream\r?\n|\(((?:[^()\\]|\\[^])*)\)?|<([^<>]*)>|<<|>>|[[\]]|\/?[^\0\s()<>[\]{}/%]+/g;
const ESCAPES = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
const GLYPHS = { space: " ", hyphen: "-", quoteright: "’", endash: "–", emdash: "—" };

/** A reference is a function that finds its object. */
class Dict extends Map {
  get(name) { return see(super.get(name)); }

  list(name) { return [this.get(name) ?? []].flat().map(see); }
}

const see = (value) => (typeof value === "function" ? value() : value);
const binary = new TextDecoder("x-user-defined"); // bytes as low ones of characters
const utf16 = new TextDecoder("utf-16be");
const numberOf = (bytes) => bytes.reduce((number, byte) => number * 256 + byte, 0);

/** Gives "" for scans. Throws Error if locked, TypeError or RangeError if damaged. */
export async function textOf(bytes) {
  const file = { bytes, objects: new Map(), work: 0 };
  const text = binary.decode(bytes);
  if (/\/Encrypt\s*[\d<]/.test(text)) throw new Error(t("It needs a password."));
  await scan(file, text);
  const catalog = [...file.objects.values()].findLast((one) => one.get?.("/Type") === "/Catalog");
  let all = "";
  for (const page of pagesOf(file, catalog.get("/Pages"))) all += `${await pageText(file, ...page)}\n\n`;
  return all.replace(/[ﬀ-ﬆ]/g, (one) => one.normalize("NFKC")).replace(/[\0-\x08]/g, "").trim();
}

function spend(file, work) {
  if ((file.work += work) > WORK) throw new RangeError();
}

/** Words and the values before: numbers, "/Names", bytes, arrays, Dicts. */
function* words(text, objects) {
  const tokens = new RegExp(TOKEN);
  let values = [];
  for (let found; (found = tokens.exec(text)); ) {
    const [token, string, hex] = found;
    const mark = { "]": "[", ">>": "<<" }[token];
    if (mark) {
      const [, ...items] = values.splice(Math.max(0, values.lastIndexOf(mark)));
      values.push(token === "]" ? items : new Dict(items.map((name, at) => [at % 2 ? at : name, items[at + 1]])));
    } else if (token === "R") {
      const [id] = values.splice(-2);
      values.push(() => objects.get(id));
    } else if (string !== undefined) values.push(unescaped(string));
    else if (hex !== undefined) values.push(Uint8Array.from(hex.replace(/\s/g, "").match(/../g) ?? [], (two) => parseInt(two, 16)));
    else if (/^[-+.\d]/.test(token)) values.push(parseFloat(token) || 0);
    else if (/^([/[<]|(true|false|null)$)/.test(token)) values.push(token);
    else if (token[0] !== "%") {
      yield { word: token, values, tokens };
      values = [];
    }
  }
  yield { values };
}

function unescaped(string) {
  const meant = (_, octal, one = "") => (octal ? String.fromCharCode(parseInt(octal, 8)) : ESCAPES[one] ?? one);
  return Uint8Array.from(string.replace(/\\(?:([0-7]{1,3})|\r?\n|([^]))/g, meant), (character) => character.charCodeAt());
}

async function scan(file, text) {
  const { bytes, objects } = file;
  let id;
  for (const { word, values, tokens } of words(text, objects)) {
    const value = values.at(-1);
    if (word === "obj") id = values.at(-2);
    else if (/^(stream|endobj)/.test(word) && value !== undefined) objects.set(id, value);
    if (!/^stream/.test(word) || !(value instanceof Dict)) continue;
    const start = tokens.lastIndex;
    tokens.lastIndex = text.indexOf("endstream", start) >>> 0; // if none, far beyond the end
    value.data = bytes.subarray(start, tokens.lastIndex);
    if (value.get("/Type") !== "/ObjStm") continue;
    const [inner, first] = [await decode(file, value), value.get("/First")];
    const ids = inner.slice(0, first).match(/\d+/g);
    words(inner.slice(first), objects).next().value.values.forEach((one, at) => objects.set(+ids[at * 2], one));
  }
}

/** Gives `[page, resources]`. */
function pagesOf(file, node, above) {
  spend(file, 999);
  const resources = node.get("/Resources") ?? above;
  return node.has("/Kids") ? node.list("/Kids").flatMap((kid) => pagesOf(file, kid, resources)) : [[node, resources]];
}

/** Stops at damage. */
async function decode(file, stream) {
  if (!stream?.data) return "";
  let text = "";
  let source = new Blob([stream.data.subarray(0, stream.get("/Length"))]).stream();
  for (const filter of stream.list("/Filter")) {
    source = source.pipeThrough(new DecompressionStream({ "/FlateDecode": "deflate" }[filter]));
  }
  const reader = source.getReader();
  for (let part; (part = await reader.read().catch(() => ({}))).value; spend(file, part.value.length)) text += binary.decode(part.value);
  return text;
}

async function pageText(file, dict, resources) {
  const page = { file, out: "", TL: 0 };
  let content = "";
  for (const part of dict.list("/Contents")) content += `${await decode(file, part)}\n`;
  for (const { word, values } of words(content)) {
    if (word === "Tf") {
      const font = resources.get("/Font").get(values[0]);
      [page.font, page.size] = [font.read ??= await fontOf(file, font), values[1]];
    } else if (Object.hasOwn(OPERATORS, word)) OPERATORS[word](page, ...values);
  }
  return page.out;
}

const OPERATORS = {
  BT: (page) => OPERATORS.Tm(page, 1, 0, 0, 1, 0, 0),
  Tm: (page, ...matrix) => (page.place = page.line = matrix),
  TL: (page, height) => (page.TL = height),
  Td: (page, x, y) => (page.place = page.line = moved(page.line, x, y)),
  TD: (page, x, y) => OPERATORS.Td(page, x, -(page.TL = -y)),
  "T*": (page) => OPERATORS.Td(page, 0, -page.TL),
  Tj: show,
  TJ: (page, parts) => parts.forEach((part) => (part.length ? show(page, part) : advance(page, -part))),
  "'": (page, text) => show(page, text, OPERATORS["T*"](page)),
};

const moved = ([a, b, c, d, e, f], x, y = 0) => [a, b, c, d, e + x * a + y * c, f + x * b + y * d];

const advance = (page, thousandths) => (page.place = moved(page.place, (thousandths / 1000) * page.size));

function show(page, string) {
  const { font: { step, texts, widths }, size, place: [a, b, , , x, y], end } = page;
  const [dx, dy, em] = [x - end?.[4], y - end?.[5], (a * a + b * b) * Math.abs(size)];
  const [along, across] = [(dx * a + dy * b) / em, Math.abs(dx * b - dy * a) / em];
  let text = across > 0.5 || along < -0.8 ? "\n" : along > 0.12 ? " " : "";
  for (let at = 0; at < string.length; at += step) {
    const code = numberOf(string.subarray(at, at + step));
    text += texts[code] ?? "";
    advance(page, widths[code]);
  }
  page.out += text;
  spend(page.file, text.length);
  page.end = page.place;
}

/** Bytes per code, texts and widths. */
async function fontOf(file, dict) {
  const [inner] = dict.list("/DescendantFonts");
  const texts = inner ? [] : charactersOf(dict.get("/Encoding"));
  for (const { word, values } of words(await decode(file, dict.get("/ToUnicode")))) {
    const step = { endbfchar: 2, endbfrange: 3 }[word];
    for (let at = 0; at + step <= values.length; at += step) {
      const [first, last, to] = [numberOf(values[at]), numberOf(values[at + step - 2]), values[at + step - 1]];
      for (let code = first; code <= Math.min(last, 65535); code += 1, spend(file, 90)) {
        texts[code] = utf16.decode(Array.isArray(to) ? to[code - first] : to.with(-1, to.at(-1) + code - first));
      }
    }
  }
  // `first [width …]` or `first last width`.
  const widths = new Float32Array(65536).fill(inner ? 1000 : 500);
  const list = inner ? inner.list("/W") : [dict.get("/FirstChar"), dict.list("/Widths")];
  spend(file, widths.length);
  for (let at = 0; at < list.length; at += 2) {
    const [first, next, width] = list.slice(at, at + 3);
    if (Array.isArray(next)) widths.set(next, first);
    else widths.fill(width, first, next + 1, (at += 1));
  }
  return { step: inner ? 2 : 1, texts, widths };
}

/** Without a table: the characters of Windows, but for those named. */
function charactersOf(encoding) {
  const found = [...new TextDecoder("windows-1252").decode(new Uint8Array(256).map((_, code) => code))];
  let code = 0;
  for (const value of encoding?.get?.("/Differences") ?? []) {
    if (typeof value === "number") code = value;
    else {
      const name = value.slice(1).replace(/^uni(.{4})$/, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
      found[code] = GLYPHS[name] ?? (/^(.|ff?[il]?)$/.test(name) ? name : found[code]);
      code += 1;
    }
  }
  return found;
}
