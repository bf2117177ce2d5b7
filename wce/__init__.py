"""WCE: one SQLite file becomes a whole multi-user application. This package imports nothing; `wce.web.factory` builds everything."""
