"""Vectors and scores of texts: what an embedding or reranking model is asked and answers."""
