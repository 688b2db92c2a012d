"""Tests. `support/` has what they share; `programs/` and `benchmarks/` are run by hand."""
