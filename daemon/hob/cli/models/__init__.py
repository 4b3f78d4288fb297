"""`hob models` and what belongs to it."""
