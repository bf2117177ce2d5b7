"""SQLite as such: connections, locks, transactions, sessions and the file of a cenv."""
