"""Definitions of docs/row_features.md and of the older kinds of docs/features.md in Python, one module per family."""
