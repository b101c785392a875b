"""A profile: one instrument as a page of facts, validated, and the requests that are built from it."""
