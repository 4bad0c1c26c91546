"""Sequence recommenders of others beside ours, each in an environment of its own, on the same split and cores."""
