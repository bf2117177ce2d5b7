-- Whoever writes a row of the log gives it the id after that of the row before, also where that was removed. AUTOINCREMENT wrote one
-- page more with each write of a user, to know the same.
-- Copied there and back and not renamed: a rename follows into views.
CREATE TABLE _wce_audit_log_before AS SELECT * FROM _wce_audit_log ORDER BY id;
DROP TABLE _wce_audit_log;

CREATE TABLE _wce_audit_log (
    id INTEGER PRIMARY KEY,
    timestamp INTEGER NOT NULL,
    user_id INTEGER,
    username TEXT NOT NULL DEFAULT '',
    action TEXT NOT NULL,
    resource_type TEXT NOT NULL DEFAULT '',
    resource_id TEXT NOT NULL DEFAULT '',
    details TEXT NOT NULL DEFAULT '{}',
    ip_address TEXT NOT NULL DEFAULT '',
    user_agent TEXT NOT NULL DEFAULT '',
    hash TEXT NOT NULL
) STRICT;

INSERT INTO _wce_audit_log
SELECT id, timestamp, user_id, username, action, resource_type, resource_id, details, ip_address, user_agent, hash
FROM _wce_audit_log_before ORDER BY rowid;

DROP TABLE _wce_audit_log_before;
