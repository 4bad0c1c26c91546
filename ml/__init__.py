"""Who is like whom: the behaviour Transformer, its registry and the segment centres (PyTorch, Arrow, Delta)."""
