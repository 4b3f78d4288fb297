"""Hob keeps a language model warm on your own machine."""

__version__ = "0.1.0"
