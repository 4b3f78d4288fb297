"""Guessing the tokens that come next, so that several are computed in one step."""
