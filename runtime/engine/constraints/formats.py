"""The `format` keywords that an answer is held to.

Dates are ours: llguidance lets a 29th of February through in any year. Years 1000 to
2999, and no leap second, which few parsers of dates accept.
"""

LEAP_YEAR = "(?:[12][0-9](?:0[48]|[2468][048]|[13579][26])|1[26]00|2[048]00)"
DATE = (
    "(?:[12][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|{LEAP_YEAR}-02-29)"
)
TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

PATTERNS = {"date": f"^{DATE}$", "time": f"^{TIME}$", "date-time": f"^{DATE}T{TIME}$"}
"""By format; these stand in for llguidance's own."""

NATIVE = ("duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri")
"""What llguidance knows itself."""

ANNOTATIONS = ("int32", "int64", "float", "double")
"""OpenAPI's remarks on numbers; nothing to hold an answer to."""
