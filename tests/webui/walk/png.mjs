// Pictures as small PNG files: at most 256 colours, which is enough for a page of text.

import { crc32, deflateSync } from "node:zlib";

const COLOURS = 256;
const SIGNATURE = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/** A PNG of what `page` shows. */
export async function picture(page) {
  const shot = await page.screenshot();
  const blank = await page.context().browser().newPage();
  const { width, height, palette, pixels } = await blank.evaluate(reduce, [shot.toString("base64"), COLOURS]);
  await blank.close();
  const lines = Buffer.from(pixels, "base64");
  const rows = Array.from({ length: height }, (_, y) => [Buffer.from([0]), lines.subarray(y * width, (y + 1) * width)]).flat();
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3], 8); // 8 bits for each pixel, into a palette
  return Buffer.concat([
    SIGNATURE, chunk("IHDR", head), chunk("PLTE", Buffer.from(palette)), chunk("IDAT", deflateSync(Buffer.concat(rows), { level: 9 })), chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** The most frequent colours of a picture, and for each of its pixels the nearest one; runs in the browser. */
async function reduce([base64, most]) {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
  const { width, height } = image;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(image, 0, 0);
  const colours = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1);
  const split = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const kept = [...counts].sort(([, one], [, other]) => other - one).slice(0, most).map(([colour]) => split(colour));
  const distance = (one, other) => one.reduce((sum, channel, at) => sum + (channel - other[at]) ** 2, 0);
  const nearest = (colour) => kept.reduce((best, one, at) => (distance(one, split(colour)) < distance(kept[best], split(colour)) ? at : best), 0);
  const places = new Map([...counts.keys()].map((colour) => [colour, nearest(colour)]));
  const pixels = Uint8Array.from(colours, (colour) => places.get(colour));
  return { width, height, palette: kept.flat(), pixels: pixels.toBase64() };
}
