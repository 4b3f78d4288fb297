"""Structured output: what an answer must look like, kept token by token with llguidance."""
