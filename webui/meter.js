// The line below the message field: speed, and room in the context.

import { number, t } from "./i18n.js";
import { $ } from "./view.js";

const rounded = (value) => number(Math.round(value));

export class Meter {
  context = 0; // tokens; 0: not known yet
  used = 0;

  get room() { return Math.max(0, this.context - this.used); }

  reading({ processed, total }) {
    if (processed < total) $("speed").textContent = `${t("Reading…")} ${number(processed)} / ${number(total)}`;
  }

  /** `ms`: since the first token. */
  writing(tokens, ms) {
    if (tokens > 1) $("speed").textContent = t("{0} tokens/s", rounded(((tokens - 1) * 1000) / ms));
  }

  show(figures = {}) {
    const { predicted_per_second: writes, prompt_per_second: reads, cache_n: cached, total_tokens: used = 0 } = figures;
    this.used = used;
    const parts = [
      writes && t("{0} tokens/s", rounded(writes)),
      reads && t("read at {0}/s", rounded(reads)),
      cached && t("{0} cached", number(cached)),
      used && this.context && t("{0} of {1} left", number(this.room), number(this.context)),
    ];
    $("speed").textContent = parts.filter(Boolean).join(" · ");
    Object.assign($("context"), { hidden: !used || !this.context, max: this.context || 1, value: used });
  }
}
