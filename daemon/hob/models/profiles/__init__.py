"""Profiles: models under names of their own, with what is set for them."""
