-- Second factors. totp_secret is NULL until the first code has proven that the user's device knows it; until then it waits in
-- pending_secret, and so does the secret of a new device while the old one still counts. last_step is the last code's, so that
-- none counts twice. failures and retry_at slow down who knows the password and guesses codes.
CREATE TABLE _wce_second_factors (
    user_id INTEGER PRIMARY KEY REFERENCES _wce_users (user_id) ON DELETE CASCADE,
    totp_secret TEXT,
    pending_secret TEXT,
    confirmed_at INTEGER,
    last_step INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER NOT NULL DEFAULT 0
) STRICT;

-- For the day on which the device is lost; a code that was used is gone.
CREATE TABLE _wce_recovery_codes (
    user_id INTEGER NOT NULL REFERENCES _wce_users (user_id) ON DELETE CASCADE,
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
) STRICT, WITHOUT ROWID;
