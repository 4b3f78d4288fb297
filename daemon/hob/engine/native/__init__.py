"""llama.cpp, wrapped: the only place in Hob that touches llama_cpp.

Each class owns its pointers, frees them exactly once and is a context manager. NULLs and error
statuses leave here as HobError.
"""
