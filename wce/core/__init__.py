"""What WCE does, as functions on a session; every statement of SQL on our own tables stands in this folder."""
