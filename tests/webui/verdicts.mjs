// Reads [[schema, value], …] as JSON and writes whether the page's validator finds each value right: [true, …].

import { readFileSync } from "node:fs";
import { violations } from "../../webui/schema.js";

const pairs = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(pairs.map(([schema, value]) => violations(schema, value).length === 0)));
