// The choice of a model, and of adapters with their weights: for this person's requests, not for the server's others.

import { number } from "./i18n.js";
import { chats, settings } from "./settings.js";
import { $, element } from "./view.js";

/** Show what can be chosen of what the server offers. */
export function offer() {
  const { adapters = [] } = settings.server;
  const names = chats();
  const at = Math.max(0, names.indexOf(settings.value.model));
  $("model-choice").replaceChildren(...names.map((name) => element("option", { translate: "no" }, name)));
  $("model-choice").selectedIndex = at;
  $("model-row").hidden = names.length < 2;
  $("adapters").replaceChildren(...(at > 0 ? [] : adapters.map(row))); // they are the main model's
  $("model-group").hidden = names.length < 2 && !adapters.length;
}

function row({ name, scale }) {
  const value = settings.value.adapters[name] ?? scale;
  const slider = element("input", { type: "range", min: 0, max: 2, step: 0.05, value, "aria-label": name });
  const shown = element("output", {}, number(value));
  slider.addEventListener("input", () => {
    settings.value.adapters[name] = slider.valueAsNumber;
    settings.keep();
    shown.value = number(slider.valueAsNumber);
  });
  return element("label", { class: "adapter", translate: "no" }, name, slider, shown);
}
