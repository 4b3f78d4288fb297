"""Reading GGUF headers: what a model file says of itself, without loading it."""
