"""The engine worker: one process that owns one model, its memory and its native code."""
