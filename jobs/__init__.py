"""What happens to the data: Spark jobs, one module a hop, each a verb of `python -m jobs`."""
