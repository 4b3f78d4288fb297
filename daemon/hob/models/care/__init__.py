"""What a person does with the models of the library: take in, rename, check, put away."""
