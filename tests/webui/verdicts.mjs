// Reads [[schema, value], …] as JSON and writes whether the page's validator finds each value right: [true, …].

import { readFileSync } from "node:fs";
import { hold } from "../../webui/schema.js";

function isRight([schema, value]) {
  try {
    hold(value, schema);
    return true;
  } catch {
    return false;
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(isRight)));
