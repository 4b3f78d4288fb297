"""`hob action`: what plugins offer to a person."""
