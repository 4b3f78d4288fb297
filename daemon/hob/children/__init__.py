"""Child processes: how each operating system starts one, and what it says on stderr."""
