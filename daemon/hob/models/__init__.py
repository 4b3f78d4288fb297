"""The models folder: which files are there, what they say of themselves, and how to get one."""
