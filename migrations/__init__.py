"""Alembic migrations over store's tables."""
