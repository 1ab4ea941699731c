/*
 * Decides which names a runtime image may use.
 */
#ifndef LMFILE_NAMES_H
#define LMFILE_NAMES_H

/*
 * Relative, without empty parts, `.`, `..`, control characters (which would break the listing) and what
 * means something else on Windows; no part longer than 255 bytes.
 */
int names_ok(const char *name);

/*
 * Whether the symbolic link `name` may point to `target`: it may climb only with leading "..", no higher
 * than its own depth, and must then name something. Members are never written through links, so the
 * climb goes up real directories, and what follows may pass other links that keep the same rule:
 * nothing leads out.
 */
int names_target_ok(const char *name, const char *target);

#endif
