// The icons of the interface, by their names in Lucide; each is one line of static/vendor/icons.svg.
export const icons = [
  'activity', 'app-window', 'archive', 'arrow-down', 'arrow-down-right', 'arrow-left', 'arrow-up', 'arrow-up-down', 'arrow-up-right',
  'ban', 'bell', 'binary', 'book-open', 'bot', 'box', 'braces', 'bug', 'calendar', 'calendar-clock', 'chart-column', 'chart-line',
  'chart-pie', 'chart-scatter', 'check', 'check-check', 'chevron-down', 'chevron-left', 'chevron-right', 'chevrons-left',
  'chevrons-right', 'chevrons-up-down', 'circle', 'circle-alert', 'circle-check', 'circle-dot', 'circle-help', 'circle-plus',
  'circle-stop', 'circle-user-round', 'circle-x', 'clock', 'cloud-download', 'cloud-upload', 'columns-3', 'command', 'copy', 'cpu',
  'crown', 'database', 'diff', 'download', 'ellipsis', 'external-link', 'eye', 'eye-off', 'file-code-2', 'file-json-2', 'file-plus-2',
  'file-text', 'file-up', 'files', 'filter', 'fingerprint-pattern', 'folder', 'folder-open', 'folder-tree', 'gauge', 'git-branch',
  'globe', 'grip-vertical', 'hard-drive', 'hard-drive-download', 'hash', 'heart-pulse', 'history', 'image', 'info', 'key-round',
  'keyboard', 'layers', 'layout-dashboard', 'lightbulb', 'link', 'list-checks', 'list-filter', 'lock', 'lock-open', 'log-in', 'log-out',
  'mail', 'maximize-2', 'menu', 'minus', 'monitor', 'moon', 'network', 'octagon-alert', 'package-open', 'palette', 'panel-left',
  'pencil', 'play', 'plus', 'qr-code', 'redo-2', 'refresh-cw', 'rocket', 'rotate-ccw', 'rows-3', 'save', 'scroll-text', 'search',
  'send', 'server', 'settings', 'settings-2', 'share-2', 'shield', 'shield-alert', 'shield-check', 'sigma', 'sliders-horizontal',
  'smartphone', 'sparkles', 'spline', 'square', 'square-check', 'square-pen', 'square-terminal', 'star', 'sun', 'table-2',
  'table-columns-split', 'table-properties', 'tag', 'terminal', 'text-cursor-input', 'text-wrap', 'timer', 'toggle-left', 'trash-2',
  'triangle-alert', 'type', 'undo-2', 'upload', 'user-plus', 'user-round', 'user-x', 'users', 'wand-sparkles', 'webhook', 'workflow',
  'x', 'zap',
];
