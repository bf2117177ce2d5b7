"""Which SQL functions may be called, which of them say nothing about rows that a policy drops, and which names are tables of themselves."""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What anybody may call. An allow-list, because SQLite may be built with functions that end the process (the two-argument
# fts3_tokenizer), read files, or tell about other requests (total_changes).
ALLOWED: Final = _words(
    """
    abs acos acosh asin asinh atan atan2 atanh avg bm25 ceil ceiling changes char coalesce concat concat_ws cos cosh count cume_dist
    current_date current_time current_timestamp date datetime degrees dense_rank exp first_value floor format glob group_concat hex
    highlight if ifnull iif instr json json_array json_array_length json_each json_error_position json_extract json_group_array
    json_group_object json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type
    json_valid jsonb jsonb_array jsonb_extract jsonb_group_array jsonb_group_object jsonb_insert jsonb_object jsonb_patch jsonb_remove
    jsonb_replace jsonb_set julianday lag last_insert_rowid last_value lead length like likelihood likely ln log log10 log2 lower ltrim
    match max min mod nth_value ntile nullif octet_length percent_rank pi pow power printf quote radians random randomblob rank replace
    round row_number rtrim sign sin sinh snippet soundex sqlite_version sqrt strftime string_agg substr substring subtype sum tan tanh
    time timediff total trim trunc typeof unhex unicode unistr unistr_quote unixepoch unlikely upper zeroblob -> ->>
    """
)
# Total and cheap: they may be evaluated on rows that the policy is about to drop. Adding one is a decision about security: it must
# neither raise an error for any argument nor take time that depends on it.
LEAKPROOF: Final = _words(
    """
    avg ceil ceiling changes coalesce count cume_dist current_date current_time current_timestamp date datetime dense_rank first_value
    floor group_concat if ifnull iif julianday lag last_insert_rowid last_value lead length likely lower max min nth_value ntile nullif
    percent_rank pi rank round row_number sign sqrt substr substring sum time total trunc typeof unixepoch unlikely upper
    """
)
# These tell what happened earlier on the connection, so a session has to make that its principal's own first.
STATEFUL: Final = frozenset({"last_insert_rowid", "changes"})
# Conditions of policies run in the middle of other statements, where those two have no sense.
IN_POLICIES: Final = ALLOWED - STATEFUL
# Words that stand before "(" without being the name of a function.
KEYWORDS: Final = _words(
    """
    ALL AND AS BETWEEN BY CASE CAST COLLATE CONFLICT DISTINCT ELSE ESCAPE EXCEPT EXISTS FILTER FROM GLOB GROUP HAVING IN INTERSECT INTO
    IS ISNULL JOIN LIKE LIMIT MATERIALIZED NOT NOTNULL OFFSET ON OR ORDER OVER PARTITION RETURNING SELECT SET THEN UNION USING VALUES
    WHEN WHERE WINDOW
    """
)
# Words that SQLite takes for a name only in quotes: without them there is no table in ORDER BY.
RESERVED: Final = _words(
    """
    ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE
    ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS ISNULL JOIN LIMIT NOT NOTHING NOTNULL NULL ON OR
    ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE
    """
)
# Table-valued functions that everybody may use.
TABLE_FUNCTIONS: Final = frozenset({"json_each", "json_tree"})
# Virtual tables that exist without being created; all but the table-valued functions of everybody look absent.
EPONYMOUS: Final = _words(
    """
    bytecode carray completion csv dbdata dbptr dbstat fsdir fts3tokenize fts5vocab generate_series sqlite_dbpage sqlite_stmt tables_used
    zipfile
    """
)
# What ALTER TABLE and DROP call by themselves, besides everything that starts with sqlite_rename_.
OF_DDL: Final = frozenset({"sqlite_drop_column", "sqlite_fail", "sqlite_rename_column", "sqlite_rename_table", "sqlite_rename_test"})
