// What this browser keeps from visit to visit. Where storage is switched off or full, nothing is kept, and nothing else happens.

/** The text that is kept under a name, or null. */
export function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // It holds until the page is closed.
  }
}
