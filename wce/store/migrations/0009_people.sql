-- Who is signed in is read again when this counter or that of grants, which users move, is another one, and not after every commit.
ALTER TABLE _wce_state ADD COLUMN people INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER _wce_bump_people_sessions_insert AFTER INSERT ON _wce_sessions
BEGIN UPDATE _wce_state SET people = people + 1; END;
CREATE TRIGGER _wce_bump_people_sessions_update AFTER UPDATE ON _wce_sessions
BEGIN UPDATE _wce_state SET people = people + 1; END;
CREATE TRIGGER _wce_bump_people_sessions_delete AFTER DELETE ON _wce_sessions
BEGIN UPDATE _wce_state SET people = people + 1; END;

CREATE TRIGGER _wce_bump_people_revoked_insert AFTER INSERT ON _wce_revoked_tokens
BEGIN UPDATE _wce_state SET people = people + 1; END;
CREATE TRIGGER _wce_bump_people_revoked_update AFTER UPDATE ON _wce_revoked_tokens
BEGIN UPDATE _wce_state SET people = people + 1; END;
CREATE TRIGGER _wce_bump_people_revoked_delete AFTER DELETE ON _wce_revoked_tokens
BEGIN UPDATE _wce_state SET people = people + 1; END;

CREATE TRIGGER _wce_bump_people_keys_insert AFTER INSERT ON _wce_api_keys
BEGIN UPDATE _wce_state SET people = people + 1; END;
CREATE TRIGGER _wce_bump_people_keys_update AFTER UPDATE ON _wce_api_keys
BEGIN UPDATE _wce_state SET people = people + 1; END;
CREATE TRIGGER _wce_bump_people_keys_delete AFTER DELETE ON _wce_api_keys
BEGIN UPDATE _wce_state SET people = people + 1; END;
