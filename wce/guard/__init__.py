"""What a principal may do, enforced by SQLite itself."""
