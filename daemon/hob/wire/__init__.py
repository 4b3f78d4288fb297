"""Values that cross a process boundary. They do no I/O and know no policy."""
