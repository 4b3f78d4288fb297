"""The models folders: which files are there, and what belongs together."""
