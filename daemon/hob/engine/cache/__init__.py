"""Known prefixes: in KV cells as a radix tree, in RAM and on disk as saved states.

`tree` knows which slots hold which tokens, `slots` decides who gets which slot, `saved` and `disk`
are the tiers behind the KV cells, and `prefixes` moves what has been decided.
"""
