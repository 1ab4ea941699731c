// The text of a PDF: a scan finds its objects, their tree the pages, and the operators of each page its text.
//
// The file is not trusted: all that is read, inflated and written counts against WORK. Names are words that begin with "/".

import { t } from "./i18n.js";

const WORK = 1e8;
const DEPTH = 40;
const FILTERS = new Map([["/FlateDecode", inflate], ["/ASCII85Decode", ascii85]]);
const ACCENTS = { grave: "\u0300", acute: "\u0301", circumflex: "\u0302", tilde: "\u0303", dieresis: "\u0308", ring: "\u030a", caron: "\u030c", cedilla: "\u0327" };
const NAMES = new Map("space exclam!quotedbl\"numbersign#dollar$percent%ampersand&quotesingle'parenleft(parenright)asterisk*plus+comma,hyphen-period.slash/\
zero0one1two2three3four4five5six6seven7eight8nine9colon:semicolon;less<equal=greater>question?at@bracketleft[bracketright]braceleft{braceright}underscore_quoteleft‘quoteright’\
quotedblleft“quotedblright”endash–emdash—bullet•ellipsis…germandblsßEuro€fiﬁflﬂffﬀffiﬃfflﬄ".match(/\w+?[^a-z](?=[a-zE]|$)/g).map((pair) => [pair.slice(0, -1), pair.at(-1)]));

class Bytes extends String {} // a string in the file
class Ref {
  constructor(table, id) { Object.assign(this, { table, id }); }
}
class Dict extends Map {
  get(name) { return see(super.get(name)); }

  list(name) { return [this.get(name) ?? []].flat().map(see); }
}

const UNIT = [1, 0, 0, 1, 0, 0];
const NONE = new Dict();
const see = (value) => (value instanceof Ref ? value.table.get(value.id) : value);
const pause = () => new Promise((resolve) => setTimeout(resolve));
const bytesOf = (text) => Uint8Array.from(String(text), (character) => character.charCodeAt());
const numberOf = (text) => bytesOf(text).reduce((number, byte) => number * 256 + byte, 0);
const times = ([a, b, c, d, e, f], [g, h, i, j, k, l]) => [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l];

/** The text of the pages in their order, "" where there is none. Throws an Error with a sentence. */
export async function textOf(bytes) {
  const file = { bytes, table: new Map(), fonts: new Map(), work: 0, refusal: t("The PDF is damaged.") };
  try {
    await scan(file);
    const texts = [];
    for (const page of pagesOf([...file.table.values()])) texts.push(await read(file, ...page));
    return texts.join("\n\n").replace(/[ﬀ-ﬆ]/g, (one) => one.normalize("NFKC")).replaceAll("\0", "").trim();
  } catch (cause) {
    throw new Error(file.refusal, { cause });
  }
}

function spend(file, work) {
  if ((file.work += work) > WORK) refuse(file, t("The PDF is too large to be read here."));
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
    if (file.table.size % 1000 === 0) await pause();
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
  }
}

/** The pages with their resources: by their tree, or where it is broken as they come. */
function pagesOf(objects) {
  const typed = (name) => objects.filter((one) => one instanceof Dict && one.get("/Type") === name);
  const seen = new Set();
  const below = (node, above) => {
    if (!(node instanceof Dict) || seen.has(node) || seen.size > 1e5) return [];
    seen.add(node);
    const resources = node.get("/Resources") ?? above;
    return node.has("/Kids") ? node.list("/Kids").flatMap((kid) => below(kid, resources)) : [[node, resources]];
  };
  const found = below(typed("/Catalog").at(-1)?.get("/Pages"));
  return found.length ? found : typed("/Page").map((page) => [page, page.get("/Resources")]);
}

/** A stream's content as a string of bytes; "" for what holds no text. */
async function decode(file, stream) {
  let data = stream?.data ?? [];
  for (const filter of data.length ? stream.list("/Filter").slice(0, 4) : []) data = (await FILTERS.get(filter)?.(data, file)) ?? [];
  return binary(data);
}

function binary(data) {
  const parts = [];
  for (let at = 0; at < data.length; at += 8192) parts.push(String.fromCharCode(...data.subarray(at, at + 8192)));
  return parts.join("");
}

/** What can be inflated: the last bytes go in one by one, so that damage at the end costs nothing before it. */
async function inflate(data, file) {
  const { readable, writable } = new DecompressionStream("deflate");
  const [reader, writer, parts] = [readable.getReader(), writable.getWriter(), []];
  const feed = async () => {
    for (let at = 0, end; at < data.length; at = end) await writer.write(data.subarray(at, (end = at + Math.max(1, Math.min(4096, data.length - 16 - at)))));
    await writer.close();
  };
  feed().catch(() => {});
  for (let part; (part = await reader.read().catch(() => ({}))).value; parts.push(part.value)) spend(file, part.value.length);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function ascii85(data) {
  const text = binary(data).replace(/\s|~[^]*/g, "").replaceAll("z", "!!!!!");
  return bytesOf(text.replace(/[^]{1,5}/g, (group) => {
    const value = [0, 1, 2, 3, 4].reduce((sum, at) => sum * 85 + (group.charCodeAt(at) || 117) - 33, 0);
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
    if (word[0] === "<") return new Bytes(word.replace(/[^\da-f]/gi, "").replace(/..?/g, (pair) => String.fromCharCode(parseInt(pair.padEnd(2, "0"), 16))));
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
      found += mark[0] === "\\" ? unescape(mark.slice(1)) : mark;
    }
    return new Bytes(found);
  }

  /** Give a dictionary the stream that follows it. */
  stream(dict) {
    if (!this.take(/[\0\s]*stream(\r\n|\n|\r)/y)) return;
    const [start, length] = [this.at, dict.get("/Length")];
    this.at += length;
    if (!(length >= 0) || !/^\s*endstream/.test(this.text.slice(this.at, this.at + 20))) this.at = this.text.indexOf("endstream", start);
    if (this.at < 0) this.at = this.text.length;
    dict.data = this.file.bytes.subarray(start, this.at);
  }
}

function unescape(text) {
  if (/^[0-7]/.test(text)) return String.fromCharCode(parseInt(text, 8) & 255);
  return { n: "\n", r: "\r", t: "\t", "\n": "", "\r": "", "\r\n": "" }[text] ?? text;
}

/** The text of a page. */
async function read(file, page, resources) {
  const parts = [];
  for (const part of page.list("/Contents")) parts.push(await decode(file, part));
  const canvas = { file, out: [], saved: [], now: { base: UNIT, Tc: 0, Tw: 0, Tz: 100, TL: 0 } };
  await run(canvas, parts.join("\n"), resources, 0);
  await pause();
  return canvas.out.join("").trim();
}

/** Follow the operators of a content; operators with a field of their name in `now` set it. */
async function run(canvas, content, resources, depth) {
  const reader = new Reader(canvas.file, content);
  for (let values = [], word, count = 1; (word = reader.value()) !== undefined; count += 1) {
    if (count % 4096 === 0) await pause();
    if (typeof word !== "string" || word[0] === "/") values.push(word);
    else {
      const named = (kind) => resources?.get(kind)?.get(values[0]);
      if (word === "Tf") Object.assign(canvas.now, { font: await fontOf(canvas.file, named("/Font")), size: values[1] });
      else if (word === "Do" && depth < 8) await form(canvas, named("/XObject"), resources, depth);
      else if (word === "ID") reader.take(/[^]*?\sEI(?=\s)/y);
      else if (Object.hasOwn(canvas.now, word)) canvas.now[word] = values[0];
      else OPERATORS.get(word)?.(canvas, ...values.slice(-6));
      values = [];
    }
  }
}

async function form(canvas, dict, resources, depth) {
  if (dict?.get("/Subtype") !== "/Form") return;
  const before = canvas.now;
  canvas.now = { ...before, base: times(dict.has("/Matrix") ? dict.list("/Matrix") : UNIT, before.base) };
  await run(canvas, await decode(canvas.file, dict), dict.get("/Resources") ?? resources, depth + 1);
  canvas.now = before;
}


const OPERATORS = new Map(Object.entries({
  q: (canvas) => canvas.saved.length < 99 && canvas.saved.push({ ...canvas.now }),
  Q: (canvas) => (canvas.now = canvas.saved.pop() ?? canvas.now),
  cm: (canvas, ...matrix) => (canvas.now.base = times(matrix, canvas.now.base)),
  BT: (canvas) => (canvas.place = canvas.line = UNIT),
  Tm: (canvas, ...matrix) => (canvas.place = canvas.line = matrix),
  Td: move,
  TD: (canvas, x, y) => move(canvas, x, -(canvas.now.TL = -y)),
  "T*": (canvas) => move(canvas, 0, -canvas.now.TL),
  Tj: show,
  TJ: (canvas, parts) => parts.forEach((part) => (part instanceof Bytes ? show(canvas, part) : advance(canvas, (-part / 1000) * canvas.now.size))),
  "'": (canvas, text) => show(canvas, text, move(canvas, 0, -canvas.now.TL)),
  '"': (canvas, Tw, Tc, text) => show(canvas, text, Object.assign(canvas.now, { Tw, Tc }), move(canvas, 0, -canvas.now.TL)),
}));

function move(canvas, x, y) {
  canvas.place = canvas.line = times([1, 0, 0, 1, x, y], canvas.line);
}

function advance(canvas, width) {
  canvas.place = times([1, 0, 0, 1, (width * canvas.now.Tz) / 100, 0], canvas.place);
}

/** Write a string of codes, after a space or a new line where it stands away from what was written last. */
function show(canvas, codes) {
  const { font, size, base, Tc, Tw } = canvas.now;
  const [a, b, c, d, x, y] = times(canvas.place, base);
  const [dx, dy] = [x - (canvas.end?.[4] ?? x), y - (canvas.end?.[5] ?? y)];
  const em = Math.hypot(c, d) * Math.abs(size);
  const [along, across] = [dx * a + dy * b, dx * b - dy * a].map((distance) => distance / Math.hypot(a, b) / em);
  canvas.out.push(Math.abs(across) > 2.2 ? "\n\n" : Math.abs(across) > 0.5 ? "\n" : along > 0.12 || along < -1 ? " " : "");
  for (const [part] of String(codes).matchAll(font.pattern)) {
    const code = numberOf(part);
    const text = font.unicode.get(code) ?? font.names[code] ?? "";
    canvas.out.push(text);
    spend(canvas.file, text.length + 1);
    advance(canvas, (font.widths.get(code) ?? (font.width || roughly(part))) * size + Tc + (part === " " ? Tw : 0));
  }
  canvas.end = times(canvas.place, base);
}

/** The width of a letter in a font that does not tell. */
const roughly = (letter) => (/[ !',.:;|fijlrt()[\]]/.test(letter) ? 0.29 : /[A-Zmw%@]/.test(letter) ? 0.7 : 0.5);

/** How the codes of a font are read, what they mean, and how wide they are. */
async function fontOf(file, dict = NONE) {
  if (!file.fonts.has(dict)) {
    const unicode = unicodeOf(new Reader(file, await decode(file, dict.get("/ToUnicode"))));
    const inner = dict.list("/DescendantFonts")[0];
    const unit = dict.list("/FontMatrix")[0] ?? 0.001;
    const widths = widthsOf(file, inner ? inner.list("/W") : [dict.get("/FirstChar"), dict.list("/Widths")], unit);
    file.fonts.set(dict, { unicode, widths, width: inner ? 1 : 0, pattern: inner ? /[^]{2}/g : /[^]/g, names: inner ? [] : namesOf(dict.get("/Encoding")) });
  }
  return file.fonts.get(dict);
}

/** Widths by code, of `first [width …]` and `first last width`. */
function widthsOf(file, list, unit) {
  const found = new Map();
  for (let at = 0; at < list.length; at += Array.isArray(list[at + 1]) ? 2 : 3) {
    const [first, next, width] = list.slice(at, at + 3);
    if (Array.isArray(next)) next.forEach((one, offset) => found.set(first + offset, see(one) * unit));
    else for (let code = first; code <= Math.min(next, 65535); code += 1) found.set(code, width * unit, spend(file, 1));
  }
  return found;
}

/** What a ToUnicode table says: text by code. */
function unicodeOf(reader) {
  const found = new Map();
  const decoder = new TextDecoder("utf-16be");
  const text = (value, plus = 0) => decoder.decode(bytesOf(value ?? "")).replace(/[^]$/, (last) => String.fromCharCode(last.charCodeAt() + plus));
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
  const [base, differences] = encoding instanceof Dict ? [encoding.get("/BaseEncoding"), encoding.list("/Differences")] : [encoding, []];
  const decoder = new TextDecoder(base === "/MacRomanEncoding" ? "macintosh" : "windows-1252");
  const found = [...decoder.decode(Uint8Array.from({ length: 256 }, (_, code) => code))];
  let code = 0;
  for (const value of differences) {
    if (typeof value === "number") code = value;
    else found[code++ & 255] = characterOf(String(value).slice(1).split(".")[0]);
  }
  return found;
}

function characterOf(name) {
  const [, code] = /^u(?:ni)?([\dA-F]{4})/.exec(name) ?? [];
  const accent = ACCENTS[name.slice(1)] ?? (name.length === 1 ? "" : null);
  return NAMES.get(name) ?? (code ? String.fromCharCode(parseInt(code, 16)) : accent === null ? "" : (name[0] + accent).normalize("NFC"));
}
