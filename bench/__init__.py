"""Measurements: each script prints a table and writes JSON with commit, seed, device and versions."""
