// The text of a PDF: a scan finds its objects, their tree its pages, and the operators of a page show its text.
//
// The file is not trusted: what is read, inflated and written counts against WORK. A string is a `Bytes`; names are words with "/".

import { t } from "./i18n.js";

const WORK = 1e8;
const DEPTH = 40;
const FILTERS = { __proto__: null, "/FlateDecode": inflate, "/ASCII85Decode": ascii85, "/ASCIIHexDecode": (data) => bytesOf(hex(binary(data))) };
const MARKS = { grave: 0x300, acute: 0x301, circumflex: 0x302, tilde: 0x303, dieresis: 0x308, ring: 0x30a, caron: 0x30c, cedilla: 0x327 };
const NAMES = new Map("space exclam!quotedbl\"numbersign#dollar$percent%ampersand&quotesingle'parenleft(parenright)asterisk*plus+comma,hyphen-period.slash/\
zero0one1two2three3four4five5six6seven7eight8nine9colon:semicolon;less<equal=greater>question?at@bracketleft[backslash\\bracketright]asciicircum^\
underscore_braceleft{bar|braceright}asciitilde~quoteleft‘quoteright’quotedblleft“quotedblright”endash–emdash—bullet•ellipsis…germandblsßEuro€\
fiﬁflﬂffﬀffiﬃfflﬄaeæAEÆoeœOEŒoslashøOslashØdotlessiıdegree°section§copyright©multiply×minus−guillemotleft«guillemotright»"
  .match(/[A-Za-z]+[^A-Za-z]/g).map((pair) => [pair.slice(0, -1), pair.at(-1)]));

class Bytes extends String {}
class Ref {}

class Dict extends Map {
  get(name) {
    return see(super.get(name));
  }

  list(name) {
    return [this.get(name) ?? []].flat().map(see);
  }
}

const see = (value) => (value instanceof Ref ? value.table.get(value.id) : value);
const pause = () => new Promise((resolve) => setTimeout(resolve));
const bytesOf = (text) => Uint8Array.from(String(text), (character) => character.charCodeAt());
const numberOf = (text) => bytesOf(text).reduce((number, byte) => number * 256 + byte, 0);
const utf16 = (text) => new TextDecoder("utf-16be").decode(bytesOf(text));
const hex = (text) => text.replace(/[^\da-f]/gi, "").replace(/..?/g, (pair) => String.fromCharCode(parseInt(pair.padEnd(2, "0"), 16)));
const times = ([a, b, c, d, e, f], [g, h, i, j, k, l]) => [a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + l];

/** The text of the pages in their order, "" where there is none. Throws an Error with a sentence. */
export async function textOf(bytes) {
  const file = { bytes, table: new Map(), fonts: new Map(), work: 0, refusal: "" };
  try {
    await scan(file);
    const texts = [];
    for (const page of pagesOf([...file.table.values()])) {
      texts.push(await pageText(file, ...page));
      await pause();
    }
    return texts.join("\n\n").replace(/[ﬀ-ﬆ]/g, (one) => one.normalize("NFKC")).replaceAll("\0", "").trim();
  } catch (cause) {
    throw new Error(file.refusal || t("The PDF is damaged."), { cause });
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
  const heads = /(?<!\d)(\d{1,9})[\0\s]{1,9}\d{1,5}[\0\s]{1,9}obj|trailer/g;
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

/** The pages by their tree, or where it is broken as they come, each with its resources. */
function pagesOf(objects) {
  const typed = (name) => objects.filter((one) => one instanceof Dict && one.get("/Type") === name);
  const seen = new Set();
  const below = (node, inherited, depth) => {
    if (!(node instanceof Dict) || seen.has(node) || depth > DEPTH) return [];
    seen.add(node);
    const resources = node.get("/Resources") ?? inherited;
    return node.has("/Kids") ? node.list("/Kids").flatMap((kid) => below(kid, resources, depth + 1)) : [[node, resources]];
  };
  const found = below(typed("/Catalog").at(-1)?.get("/Pages"), undefined, 0);
  return found.length ? found : typed("/Page").map((page) => [page, page.get("/Resources")]);
}

/** A stream's content as a string of bytes. */
async function decode(file, stream) {
  let data = stream?.data ?? [];
  for (const filter of data.length ? stream.list("/Filter").slice(0, 4) : []) data = (await FILTERS[filter]?.(data, file)) ?? [];
  return binary(data);
}

function binary(data) {
  const parts = [];
  for (let at = 0; at < data.length; at += 8192) parts.push(String.fromCharCode(...data.subarray(at, at + 8192)));
  return parts.join("");
}

/** Inflate what can be inflated: the last bytes go in one by one, so that damage at the end costs nothing before it. */
async function inflate(data, file) {
  const { readable, writable } = new DecompressionStream("deflate");
  const writer = writable.getWriter();
  (async () => {
    for (let at = 0, end; at < data.length; at = end) {
      end = at + Math.max(1, Math.min(4096, data.length - 16 - at));
      await writer.write(data.subarray(at, end));
    }
    await writer.close();
  })().catch(() => {});
  const reader = readable.getReader();
  const parts = [];
  for (let part; (part = await reader.read().catch(() => ({}))).value; parts.push(part.value)) spend(file, part.value.length);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

function ascii85(data) {
  const text = binary(data).replace(/[\0\s]|^<~|~[^]*/g, "").replaceAll("z", "!!!!!");
  return bytesOf(text.replace(/[^]{1,5}/g, (group) => {
    const value = [0, 1, 2, 3, 4].reduce((sum, at) => sum * 85 + (group.charCodeAt(at) || 117) - 33, 0);
    return String.fromCharCode(...[24, 16, 8, 0].slice(0, group.length - 1).map((shift) => (value / 2 ** shift) & 255));
  }));
}

/** Reads values out of a string of bytes. */
class Reader {
  constructor(file, text) {
    Object.assign(this, { file, text, at: 0 });
  }

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
    if (word === "<<") return new Dict(this.items(depth).map((name, at, all) => at % 2 ? ["", 0] : [name, all[at + 1]]));
    if (word[0] === "<") return new Bytes(hex(word));
    return /^[-+.\d]/.test(word) ? parseFloat(word) || 0 : word || undefined;
  }

  items(depth) {
    const found = [];
    for (let value; depth < DEPTH && (value = this.value(depth + 1)) !== undefined && !["]", ">>", "endobj"].includes(value); ) {
      found.push(value === "R" ? Object.assign(new Ref(), { table: this.file.table, id: found.splice(-2)[0] }) : value);
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
      const escaped = mark[0] === "\\" && mark.slice(1);
      found += /^\d/.test(escaped) ? String.fromCharCode(parseInt(escaped, 8) & 255) : escaped ? { n: "\n", r: "\r", t: "\t", "\n": "", "\r\n": "" }[escaped] ?? escaped : mark;
    }
    return new Bytes(found);
  }

  /** Give a dictionary the stream that follows it. */
  stream(dict) {
    if (!this.take(/[\0\s]*stream(\r\n|\n|\r)/y)) return;
    const [start, length] = [this.at, dict.get("/Length")];
    this.at += length;
    if (!(length >= 0) || !/^\s*endstream/.test(this.text.substr(this.at, 20))) this.at = this.text.indexOf("endstream", start);
    if (this.at < 0) this.at = this.text.length;
    dict.data = this.file.bytes.subarray(start, this.at);
  }
}

async function pageText(file, page, resources) {
  const parts = [];
  for (const part of page.list("/Contents")) parts.push(await decode(file, part));
  const canvas = { file, out: [], end: null, saved: [], now: { base: [1, 0, 0, 1, 0, 0], Tc: 0, Tw: 0, Tz: 100, TL: 0 } };
  await run(canvas, parts.join("\n"), resources, 0);
  return canvas.out.join("").trim();
}

async function run(canvas, content, resources, depth) {
  const reader = new Reader(canvas.file, content);
  let values = [];
  for (let word, count = 1; (word = reader.value()) !== undefined; count += 1) {
    if (count % 4096 === 0) await pause();
    if (typeof word !== "string" || word[0] === "/") {
      values.push(word);
      continue;
    }
    if (word === "ID") reader.take(/[^]*?\sEI(?=\s)/y);
    else if (word === "Tf") [canvas.now.font, canvas.now.size] = [await fontOf(canvas.file, resources?.get("/Font")?.get(values[0])), values[1]];
    else if (word === "Do" && depth < 8) await form(canvas, resources?.get("/XObject")?.get(values[0]), resources, depth);
    else if (Object.hasOwn(canvas.now, word)) canvas.now[word] = values[0];
    else OPERATORS[word]?.(canvas, ...values.slice(-6));
    values = [];
  }
}

async function form(canvas, dict, resources, depth) {
  if (dict?.get("/Subtype") !== "/Form") return;
  const before = { ...canvas.now };
  if (dict.has("/Matrix")) OPERATORS.cm(canvas, ...dict.list("/Matrix"));
  await run(canvas, await decode(canvas.file, dict), dict.get("/Resources") ?? resources, depth + 1);
  canvas.now = before;
}

const OPERATORS = {
  __proto__: null,
  q: (canvas) => canvas.saved.length < 99 && canvas.saved.push({ ...canvas.now }),
  Q: (canvas) => (canvas.now = canvas.saved.pop() ?? canvas.now),
  cm: (canvas, ...matrix) => (canvas.now.base = times(matrix, canvas.now.base)),
  BT: (canvas) => (canvas.place = canvas.line = [1, 0, 0, 1, 0, 0]),
  Tm: (canvas, ...matrix) => (canvas.place = canvas.line = matrix),
  Td: (canvas, x, y) => (canvas.place = canvas.line = times([1, 0, 0, 1, x, y], canvas.line)),
  TD: (canvas, x, y) => OPERATORS.Td(canvas, x, -(canvas.now.TL = -y)),
  "T*": (canvas) => OPERATORS.Td(canvas, 0, -canvas.now.TL),
  Tj: show,
  TJ: (canvas, parts) => parts.forEach((part) => (part instanceof Bytes ? show(canvas, part) : advance(canvas, (-part / 1000) * canvas.now.size))),
  "'": (canvas, text) => show(canvas, text, OPERATORS["T*"](canvas)),
  '"': (canvas, Tw, Tc, text) => OPERATORS["'"](Object.assign(canvas, { now: { ...canvas.now, Tw, Tc } }), text),
};

function advance(canvas, width) {
  canvas.place = times([1, 0, 0, 1, (width * canvas.now.Tz) / 100, 0], canvas.place);
}

/** Write a string of codes, after a space or a new line where it stands away from what was written last. */
function show(canvas, codes) {
  const { font, size, base, Tc, Tw } = canvas.now;
  const [a, b, c, d, x, y] = times(canvas.place, base);
  const [dx, dy] = canvas.end ? [x - canvas.end[4], y - canvas.end[5]] : [0, 0];
  const em = Math.hypot(c, d) * Math.abs(size);
  const [along, across] = [dx * a + dy * b, dx * b - dy * a].map((distance) => distance / Math.hypot(a, b) / em);
  canvas.out.push(Math.abs(across) > 2.2 ? "\n\n" : Math.abs(across) > 0.5 ? "\n" : along > 0.15 || along < -1 ? " " : "");
  for (const [text, width, code] of font(codes)) {
    canvas.out.push(text);
    spend(canvas.file, text.length + 1);
    advance(canvas, width * size + Tc + (code === 32 ? Tw : 0));
  }
  canvas.end = times(canvas.place, base);
}

/** How a font reads a string: to `[text, width, code]` of each character. */
async function fontOf(file, dict) {
  if (!file.fonts.has(dict)) file.fonts.set(dict, await readFont(file, dict));
  return file.fonts.get(dict);
}

async function readFont(file, dict) {
  const unicode = unicodeOf(new Reader(file, await decode(file, dict.get("/ToUnicode"))));
  const inner = dict.list("/DescendantFonts")[0];
  const widths = new Map();
  const unit = dict.list("/FontMatrix")[0] ?? 0.001;
  for (let list = inner ? inner.list("/W") : [dict.get("/FirstChar"), dict.list("/Widths")], at = 0; at < list.length; ) {
    const [first, next, width] = list.slice(at, (at += Array.isArray(list[at + 1]) ? 2 : 3));
    if (Array.isArray(next)) next.forEach((one, offset) => widths.set(first + offset, see(one)));
    else for (let code = first; code <= Math.min(next, 65535); code += 1) widths.set(code, width, spend(file, 1));
  }
  const names = inner ? [] : namesOf(dict);
  return function* (codes) {
    for (const [part] of String(codes).matchAll(inner ? /[^]{2}/g : /[^]/g)) {
      const code = numberOf(part);
      yield [unicode.get(code) ?? names[code] ?? "", (widths.get(code) ?? (inner ? 1000 : 500)) * unit, inner ? 0 : code];
    }
  };
}

/** What a ToUnicode table says: code -> text. */
function unicodeOf(reader) {
  const found = new Map();
  let values = [];
  for (let word; (word = reader.value()) !== undefined; ) {
    const step = { endbfchar: 2, endbfrange: 3 }[word];
    for (let at = 0; step && at + step <= values.length; at += step) {
      const [first, last, to] = [numberOf(values[at]), numberOf(values[at + step - 2]), values[at + step - 1]];
      const start = utf16(to);
      for (let code = first; code <= Math.min(last, first + 65535); code += 1) {
        spend(reader.file, 9);
        const next = start.slice(0, -1) + String.fromCharCode(start.charCodeAt(start.length - 1) + code - first);
        found.set(code, Array.isArray(to) ? utf16(to[code - first] ?? "") : next);
      }
    }
    if (typeof word === "string") values = [];
    else values.push(word);
  }
  return found;
}

/** The characters of a simple font. */
function namesOf(dict) {
  const encoding = dict.get("/Encoding");
  const label = /Mac/.test(encoding?.get?.("/BaseEncoding") ?? encoding) ? "macintosh" : "windows-1252";
  const found = [...new TextDecoder(label).decode(Uint8Array.from({ length: 256 }, (_, code) => code))];
  let code = 0;
  for (const value of encoding?.list?.("/Differences") ?? []) {
    if (typeof value === "number") code = value;
    else found[code++ & 255] = characterOf(String(value).slice(1).split(".")[0]);
  }
  return found;
}

function characterOf(name) {
  const [, letter, mark] = /^([A-Za-z])(\w*)$/.exec(name) ?? [];
  const code = /^u(?:ni)?([\dA-F]{4,5})$/.exec(name)?.[1];
  if (code) return String.fromCodePoint(parseInt(code, 16));
  return NAMES.get(name) ?? (letter && !mark ? letter : MARKS[mark] ? (letter + String.fromCharCode(MARKS[mark])).normalize("NFC") : "");
}
