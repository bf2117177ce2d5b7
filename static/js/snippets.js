// Beginnings of scripts.
export const KINDS = {
  endpoint: {
    label: 'Endpoint', group: 'Endpoints', icon: 'webhook', teach: 'An address of your own under /api, answered by a script.',
    snippets: [
      ['List rows', 'def handler(request):\n    return db.query("SELECT * FROM notes ORDER BY id LIMIT 100")\n'],
      ['One row or 404', 'def handler(request):\n    found = db.query_one("SELECT * FROM notes WHERE id = ?", [request.params["id"]])\n    return found or abort(404, "There is no such note.")\n'],
      ['Insert from JSON', 'def handler(request):\n    text = (request.json or {}).get("text") or abort(422, "text is missing")\n    made = db.execute("INSERT INTO notes (text) VALUES (?)", [text])\n    return response({"id": made.last_row_id}, status=201)\n'],
      ['A page of HTML', 'def handler(request):\n    name = request.query.get("name", "world").replace("<", "&lt;")\n    return html("<h1>Hello, " + name + "</h1>")\n'],
      ['Empty', 'def handler(request):\n    return {"hello": "world"}\n'],
    ],
  },
  hook: {
    label: 'Hook', group: 'Hooks', icon: 'workflow', teach: 'Runs after each commit that wrote to a table.',
    snippets: [['Note what was written', 'def handler(event):\n    for table in event.tables:\n        print(table, event.tables[table], "rows by", event.user.username)\n'], ['Empty', 'def handler(event):\n    pass\n']],
  },
  schedule: {
    label: 'Schedule', group: 'Schedules', icon: 'calendar-clock', teach: 'Runs at the times that a cron line names.',
    snippets: [['Clear old rows', 'def handler(event):\n    gone = db.execute("DELETE FROM notes WHERE created_at < ?", [time.now() - 30 * 86400])\n    print(gone.changes, "rows removed")\n'], ['Empty', 'def handler(event):\n    pass\n']],
  },
};
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', '*'], RUN_AS = [['caller', 'caller: what author and caller both may do'], ['definer', 'definer: with my rights, whoever calls']];
const ACCESS = [['user', 'signed-in users'], ['admin', 'administrators'], ['public', 'everybody']];

/** The fields of a kind, for a new script or a known one. */
export function fieldsOf(kind, item = {}, tables = []) {
  const last = [{ name: 'description', label: 'Description', value: item.description ?? '' }, { name: 'enabled', label: 'Enabled', type: 'checkbox', value: item.enabled ?? true }];
  const rights = { name: 'run_as', label: 'Runs with the rights of', options: RUN_AS, value: item.run_as ?? 'caller' };
  if (kind === 'endpoint') return [{ name: 'method', label: 'Method', options: METHODS, value: item.method ?? 'GET' }, { name: 'path', label: 'Path', value: item.path ?? '/', required: true, mono: true, hint: '/notes, /notes/{id} or /files/{rest...}' }, { name: 'access', label: 'Who may call', options: ACCESS, value: item.access ?? 'user' }, rights, ...last];
  const name = { name: 'name', label: 'Name', value: item.name ?? '', required: true };
  const gone = [item.table_name ?? '*'].filter(table => table !== '*' && !tables.includes(table));
  if (kind === 'hook') return [name, { name: 'table_name', label: 'After writes to', options: [['*', 'any table'], ...tables.map(table => [table, table]), ...gone.map(table => [table, `${table}, which is deleted`])], value: item.table_name ?? '*' }, rights, ...last];
  return [name, { name: 'cron', label: 'When', value: item.cron ?? '0 8 * * *', required: true, mono: true, hint: 'minute, hour, day of the month, month, day of the week' }, { name: 'timezone', label: 'Time zone', value: item.timezone ?? 'UTC', hint: 'Such as Europe/Berlin' }, ...last];
}
