"""Ratios to a reference loop run in the same minute on the same machine."""
