"""The whole on one machine: `make run`, `make stop`. Knows processes and ports, nothing of what happens to the data."""
