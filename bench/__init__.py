"""How fast and how large: our verbs on made-up data, beside the same work as one DuckDB script on the same cores."""
