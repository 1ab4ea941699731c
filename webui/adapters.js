// The choice of a model, and of adapters with their weights: for this person's requests, not for the server's others.

import { chats, settings, weight } from "./settings.js";
import { $, element } from "./view.js";

/** Show what the server offers. */
export function offer() {
  const names = chats();
  const at = Math.max(0, names.indexOf(settings.value.model));
  const rows = at > 0 ? [] : (settings.server.adapters ?? []).map(row); // they are the main model's
  $("models").replaceChildren(...names.map((name) => element("option", { translate: "no" }, name)));
  $("models").selectedIndex = at;
  $("models").parentElement.hidden = names.length < 2;
  $("adapters").replaceChildren(...rows);
  $("model-group").hidden = names.length < 2 && !rows.length;
}

function row(adapter) {
  const { name } = adapter;
  const slider = element("input", { type: "range", min: 0, max: 2, step: 0.05, value: weight(adapter), "aria-label": name });
  const shown = element("output", {}, String(weight(adapter)));
  slider.addEventListener("input", () => {
    settings.set(`adapter.${name}`, slider.valueAsNumber);
    shown.value = weight(adapter);
  });
  return element("label", { class: "adapter", translate: "no" }, name, slider, shown);
}
