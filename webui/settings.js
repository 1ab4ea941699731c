// What a person chose for all chats, kept in this browser. The form's own rules say what is valid.

const STORE = "lmfile.settings";

/** Fill the form with what is stored, and return its choices. */
export function load(form, storage) {
  try {
    const stored = JSON.parse(storage.getItem(STORE)) ?? {};
    for (const field of form.elements) if (field.name) field.value = stored[field.name] ?? "";
  } catch {
    // Not ours, or storage is switched off: nothing is chosen.
  }
  return choices(form);
}

/** Store what is chosen, and return it; an empty or invalid field leaves it to the server. */
export function save(form, storage) {
  try {
    storage.setItem(STORE, JSON.stringify(choices(form)));
  } catch {
    // Storage is full or switched off: it holds until the page is closed.
  }
  return choices(form);
}

function choices(form) {
  const filled = [...form.elements].filter(({ name, value, validity }) => name && value.trim() && validity.valid);
  return Object.fromEntries(filled.map(({ name, value, type }) => [name, type === "number" ? Number(value) : value]));
}
