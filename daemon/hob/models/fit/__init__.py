"""What fits: how much memory a model will take, and how to load it into what is free."""
