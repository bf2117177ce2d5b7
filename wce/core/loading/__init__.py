"""Files of rows, CSV, JSON and NDJSON, as tables: what types their columns have, and how they come into a cenv."""
