"""The first draft of a mapping from a sample of one file: no engine, the readers of jobs/sources/formats."""
