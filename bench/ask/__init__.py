"""How well sentences are understood: by the members of the rule that `audience ask` makes of each."""
