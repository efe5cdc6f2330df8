"""Recognisers of personal data, each for one kind."""
