// The text of a PDF: a scan finds its objects, their tree the pages, and the operators of each page its text.
//
// The file is not trusted: all that is read, inflated and written counts against WORK. Names are words that begin with "/".

import { t } from "./i18n.js";

const WORK = 1e8;
const DEPTH = 40;
const PAUSE_MS = 30;
const UNIT = [1, 0, 0, 1, 0, 0];
const ACCENTS = {
  grave: "\u0300", acute: "\u0301", circumflex: "\u0302", tilde: "\u0303", dieresis: "\u0308",
  ring: "\u030a", caron: "\u030c", cedilla: "\u0327",
};
const NAMES = new Map("space quotesingle'parenleft(parenright)comma,hyphen-period.slash/colon:semicolon;\
zero0one1two2three3four4five5six6seven7eight8nine9quoteleft‘quoteright’quotedblleft“quotedblright”\
endash–emdash—bullet•ellipsis…germandblsßEuro€fiﬁflﬂffﬀffiﬃfflﬄ"
  .match(/\w+?[^a-z](?=[a-zE]|$)/g).map((pair) => [pair.slice(0, -1), pair.at(-1)]));

class Bytes extends String {} // a string in the file
class Ref {
  constructor(table, id) { Object.assign(this, { table, id }); }
}
class Dict extends Map {
  get(name) { return see(super.get(name)); }

  list(name) { return [this.get(name) ?? []].flat().map(see); }
}

const see = (value) => (value instanceof Ref ? value.table.get(value.id) : value);
const bytesOf = (text) => Uint8Array.from(String(text), (character) => character.charCodeAt());
const fromHex = (text) => text.replace(/[^\da-f]/gi, "").replace(/..?/g, (pair) => String.fromCharCode(parseInt(pair.padEnd(2, "0"), 16)));
const numberOf = (text) => bytesOf(text).reduce((number, byte) => number * 256 + byte, 0);
const times = ([a, b, c, d, e, f], [g, h, i, j, k, l]) =>
  [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l];

/** The text of the pages in their order, "" where there is none. Throws an Error with a sentence. */
export async function textOf(bytes) {
  const file = { bytes, table: new Map(), fonts: new Map(), work: 0, since: 0, refusal: t("The PDF is damaged.") };
  try {
    await scan(file);
    const texts = [];
    for (const [page, resources] of pagesOf([...file.table.values()])) texts.push(await pageText(file, page, resources));
    return texts.join("\n\n").replace(/[ﬀ-ﬆ]/g, (one) => one.normalize("NFKC")).replaceAll("\0", "").trim();
  } catch (cause) {
    throw new Error(file.refusal, { cause });
  }
}

function spend(file, work) {
  if ((file.work += work) > WORK) refuse(file, t("The PDF is too large to be read here."));
}

/** Let the page live, some times a second. */
async function pause(file) {
  if (performance.now() - file.since < PAUSE_MS) return;
  await new Promise((resolve) => setTimeout(resolve));
  file.since = performance.now();
}

function refuse(file, sentence) {
  throw (file.refusal = sentence);
}

async function scan(file) {
  const reader = new Reader(file, binary(file.bytes));
  const heads = /(?<!\d)(\d{1,9})\s{1,9}\d{1,5}\s{1,9}obj|trailer/g;
  for (let head; (head = heads.exec(reader.text)); heads.lastIndex = reader.at) {
    reader.at = heads.lastIndex;
    const value = reader.value();
    if (head[1]) file.table.set(+head[1], value);
    if (!(value instanceof Dict)) continue;
    reader.stream(value);
    if (value.has("/Encrypt")) refuse(file, t("The PDF is protected by a password."));
    if (value.get("/Type") === "/ObjStm") await unpack(file, value);
    await pause(file);
  }
}

/** Find the objects inside of a stream. */
async function unpack(file, stream) {
  const reader = new Reader(file, await decode(file, stream));
  for (let count = stream.get("/N"), next = 0; count > 0 && next < reader.text.length; count -= 1) {
    reader.at = next;
    const [id, offset] = [reader.value(), reader.value()];
    next = reader.at;
    reader.at = stream.get("/First") + offset;
    file.table.set(id, reader.value());
    await pause(file);
  }
}

/** The pages with their resources: by their tree, or where it is broken as they come. */
function pagesOf(objects) {
  const typed = (name) => objects.filter((one) => one instanceof Dict && one.get("/Type") === name);
  const seen = new Set();
  const below = (node, above) => {
    if (!(node instanceof Dict) || seen.has(node)) return [];
    seen.add(node);
    const resources = node.get("/Resources") ?? above;
    return node.has("/Kids") ? node.list("/Kids").flatMap((kid) => below(kid, resources)) : [[node, resources]];
  };
  const found = below(typed("/Catalog").at(-1)?.get("/Pages"));
  return found.length ? found : typed("/Page").map((page) => [page, page.get("/Resources")]);
}

/** A stream's content as a string of bytes; "" for what holds no text. */
async function decode(file, stream) {
  let data = stream?.data?.subarray(0, stream.get("/Length")) ?? [];
  for (const filter of data.length ? stream.list("/Filter").slice(0, 4) : []) {
    data = filter === "/FlateDecode" ? await inflate(file, data) : filter === "/ASCII85Decode" ? ascii85(data) : [];
  }
  spend(file, data.length);
  return binary(data);
}

function binary(data) {
  const parts = [];
  for (let at = 0; at < data.length; at += 8192) parts.push(String.fromCharCode(...data.subarray(at, at + 8192)));
  return parts.join("");
}

/** What can be inflated, up to where it is damaged. */
async function inflate(file, data) {
  const reader = new Blob([data]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts = [];
  for (let part; (part = await reader.read().catch(() => ({}))).value; parts.push(part.value)) spend(file, part.value.length);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function ascii85(data) {
  const text = binary(data).replace(/\s|~[^]*/g, "").replaceAll("z", "!!!!!");
  return bytesOf(text.replace(/[^]{1,5}/g, (group) => {
    const value = [...group.padEnd(5, "u")].reduce((sum, digit) => sum * 85 + digit.charCodeAt() - 33, 0);
    return String.fromCharCode(...[24, 16, 8, 0].slice(0, group.length - 1).map((shift) => (value / 2 ** shift) & 255));
  }));
}

/** Reads values out of a string of bytes. */
class Reader {
  constructor(file, text) { Object.assign(this, { file, text, at: 0 }); }

  take(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    spend(this.file, found.length + 1);
    return found;
  }

  /** The next value; undefined at the end. */
  value(depth = 0) {
    while (this.take(/[\0\s]+|%[^\r\n]*/y));
    const word = this.take(/<<|>>|[[\](){}]|<[^<>]*>|\/?[^\0\s()<>[\]{}/%]+|[^]/y);
    if (word === "(") return this.string();
    if (word === "[") return this.items(depth);
    if (word === "<<") return new Dict(this.items(depth).map((name, at, all) => [at % 2 ? "" : name, all[at + 1]]));
    if (word[0] === "<") return new Bytes(fromHex(word));
    return /^[-+.\d]/.test(word) ? parseFloat(word) || 0 : word || undefined;
  }

  items(depth) {
    const found = [];
    for (let value; depth < DEPTH && (value = this.value(depth + 1)) !== undefined && !["]", ">>", "endobj"].includes(value); ) {
      found.push(value === "R" ? new Ref(this.file.table, found.splice(-2)[0]) : value);
    }
    return found;
  }

  string() {
    let found = "";
    for (let depth = 1; this.at < this.text.length; ) {
      found += this.take(/[^()\\]*/y);
      const mark = this.take(/\\([0-7]{1,3}|\r\n|[^])|[^]/y);
      depth += mark === "(" ? 1 : mark === ")" ? -1 : 0;
      if (!depth) break;
      if (/^\\[0-7]/.test(mark)) found += String.fromCharCode(parseInt(mark.slice(1), 8) & 255);
      else found += { "\\n": "\n", "\\r": "\r", "\\t": "\t", "\\\n": "", "\\\r": "", "\\\r\n": "" }[mark] ?? mark.at(-1);
    }
    return new Bytes(found);
  }

  /** Give a dictionary the stream that follows it; its length may be an object that comes later. */
  stream(dict) {
    if (!this.take(/[\0\s]*stream(\r\n|\n|\r)/y)) return;
    const length = dict.get("/Length");
    const isRight = /^\s*endstream/.test(this.text.substr(this.at + length, 20));
    const end = this.text.indexOf("endstream", this.at + (isRight ? length : 0));
    dict.data = this.file.bytes.subarray(this.at, (this.at = end < 0 ? this.text.length : end));
  }
}

async function pageText(file, dict, resources) {
  const parts = [];
  for (const part of dict.list("/Contents")) parts.push(await decode(file, part));
  const page = { file, out: [], saved: [], now: { base: UNIT, Tc: 0, Tw: 0, Tz: 100, TL: 0 } };
  await run(page, parts.join("\n"), resources, 0);
  await pause(file);
  return page.out.join("").trim();
}

/** Follow the operators of a content; those that are named as a part of `now` set it. */
async function run(page, content, resources, depth) {
  const reader = new Reader(page.file, content);
  for (let values = [], word, count = 1; (word = reader.value()) !== undefined; count += 1) {
    if (count % 500 === 0) await pause(page.file);
    if (typeof word !== "string" || word[0] === "/") {
      values.push(word);
      continue;
    }
    const named = (kind) => resources?.get(kind)?.get(values[0]);
    if (word === "Tf") Object.assign(page.now, { font: await fontOf(page.file, named("/Font")), size: values[1] });
    else if (word === "Do" && depth < 8) await form(page, named("/XObject"), resources, depth + 1);
    else if (word === "ID") reader.take(/[^]*?(\sEI(?=\s)|$)/y);
    else if (Object.hasOwn(page.now, word)) page.now[word] = values[0];
    else OPERATORS.get(word)?.(page, ...values.slice(-6));
    values = [];
  }
}

async function form(page, dict, resources, depth) {
  if (dict?.get("/Subtype") !== "/Form") return;
  const before = page.now;
  spend(page.file, 9999);
  page.now = { ...before, base: times(dict.has("/Matrix") ? dict.list("/Matrix") : UNIT, before.base) };
  await run(page, await decode(page.file, dict), dict.get("/Resources") ?? resources, depth);
  page.now = before;
}

const OPERATORS = new Map(Object.entries({
  q: (page) => page.saved.length < 99 && page.saved.push({ ...page.now }),
  Q: (page) => (page.now = page.saved.pop() ?? page.now),
  cm: (page, ...matrix) => (page.now.base = times(matrix, page.now.base)),
  BT: (page) => (page.place = page.line = UNIT),
  Tm: (page, ...matrix) => (page.place = page.line = matrix),
  Td: move,
  TD: (page, x, y) => move(page, x, -(page.now.TL = -y)),
  "T*": (page) => move(page),
  Tj: show,
  TJ: (page, parts) =>
    parts.forEach((part) => (part instanceof Bytes ? show(page, part) : advance(page, (-part / 1000) * page.now.size))),
  "'": (page, text) => show(page, text, move(page)),
  '"': (page, word, letter, text) => show(page, text, move(page)),
}));

function move(page, x = 0, y = -page.now.TL) {
  page.place = page.line = times([1, 0, 0, 1, x, y], page.line);
}

function advance(page, width) {
  page.place = times([1, 0, 0, 1, (width * page.now.Tz) / 100, 0], page.place);
}

/** Write a string of codes, after a space or a new line where it stands away from what was written last. */
function show(page, codes) {
  const { font, size, base, Tc, Tw } = page.now;
  const [a, b, c, d, x, y] = times(page.place, base);
  const [dx, dy] = [x - (page.end?.[4] ?? x), y - (page.end?.[5] ?? y)];
  const em = Math.hypot(c, d) * Math.abs(size);
  const [along, across] = [dx * a + dy * b, Math.abs(dx * b - dy * a)].map((distance) => distance / Math.hypot(a, b) / em);
  page.out.push(across > 2.2 ? "\n\n" : across > 0.5 ? "\n" : along > 0.12 || along < -1 ? " " : "");
  let [text, width] = ["", 0];
  for (let at = 0; at < codes.length; at += font.size) {
    const code = font.size === 2 ? codes.charCodeAt(at) * 256 + codes.charCodeAt(at + 1) : codes.charCodeAt(at);
    text += font.unicode.get(code) ?? font.names[code] ?? "";
    width += (font.widths.get(code) ?? font.width(codes[at])) * size + Tc + (code === 32 && font.size === 1 ? Tw : 0);
  }
  page.out.push(text);
  spend(page.file, text.length + 1);
  advance(page, width);
  page.end = times(page.place, base);
}

/** How the codes of a font are read, what they mean, and how wide they are. */
async function fontOf(file, dict = new Dict()) {
  if (file.fonts.has(dict)) return file.fonts.get(dict);
  const unicode = unicodeOf(new Reader(file, await decode(file, dict.get("/ToUnicode"))));
  const [inner] = dict.list("/DescendantFonts");
  const [unit = 0.001] = dict.list("/FontMatrix");
  const widths = widthsOf(file, inner ? inner.list("/W") : [dict.get("/FirstChar"), dict.list("/Widths")], inner ? 0.001 : unit);
  const font = inner
    ? { unicode, widths, names: [], width: () => 1, size: 2 }
    : { unicode, widths, names: namesOf(dict.get("/Encoding")), width: roughly, size: 1 };
  file.fonts.set(dict, font);
  return font;
}

/** The width of a letter in a font that does not say. */
const roughly = (letter) => (/[ !',.:;|fijlrt()[\]]/.test(letter) ? 0.29 : /[A-Zmw%@]/.test(letter) ? 0.7 : 0.5);

/** Widths by code, of `first [width …]` and `first last width`. */
function widthsOf(file, list, unit) {
  const found = new Map();
  for (let at = 0; at < list.length; at += Array.isArray(list[at + 1]) ? 2 : 3) {
    const [first, next, width] = list.slice(at, at + 3);
    if (Array.isArray(next)) next.forEach((one, offset) => found.set(first + offset, see(one) * unit));
    else for (let code = first; code <= Math.min(next, 65535); code += 1) found.set(code, width * unit, spend(file, 9));
  }
  return found;
}

/** What a ToUnicode table says: text by code. */
function unicodeOf(reader) {
  const found = new Map();
  const decoder = new TextDecoder("utf-16be");
  const text = (value, plus = 0) =>
    decoder.decode(bytesOf(value ?? "")).replace(/[^]$/, (last) => String.fromCharCode(last.charCodeAt() + plus));
  for (let values = [], word; (word = reader.value()) !== undefined; ) {
    const step = { endbfchar: 2, endbfrange: 3 }[word];
    for (let at = 0; at + step <= values.length; at += step) {
      const [first, last, to] = [numberOf(values[at]), numberOf(values[at + step - 2]), values[at + step - 1]];
      for (let code = first; code <= Math.min(last, first + 65535); code += 1) {
        found.set(code, Array.isArray(to) ? text(to[code - first]) : text(to, code - first), spend(reader.file, 90));
      }
    }
    if (typeof word === "string") values = [];
    else values.push(word);
  }
  return found;
}

/** The 256 characters of a simple font. */
function namesOf(encoding) {
  const isOwn = encoding instanceof Dict;
  const label = (isOwn ? encoding.get("/BaseEncoding") : encoding) === "/MacRomanEncoding" ? "macintosh" : "windows-1252";
  const found = [...new TextDecoder(label).decode(Uint8Array.from({ length: 256 }, (_, code) => code))];
  let code = 0;
  for (const value of isOwn ? encoding.list("/Differences") : []) {
    if (typeof value === "number") code = value;
    else found[code] = characterOf(String(value).slice(1).split(".")[0]) ?? found[code];
    code += typeof value !== "number";
  }
  return found;
}

/** What a glyph's name stands for; null where it is not known. */
function characterOf(name) {
  const code = /^u(?:ni)?([\dA-F]{4})/.exec(name)?.[1];
  if (code) return String.fromCharCode(parseInt(code, 16));
  const accent = name.length === 1 ? "" : ACCENTS[name.slice(1)];
  return NAMES.get(name) ?? (accent === undefined ? null : (name[0] + accent).normalize("NFC"));
}
