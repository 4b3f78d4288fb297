"""The values of the OpenAI-compatible routes: https://platform.openai.com/docs/api-reference.

Requests name every field that Hob acts on or refuses; all others are ignored, as clients send many
extras. `null` is the same as leaving a field out. Replies carry every field that the reference
requires, and `timings`, which is Hob's own.
"""
