-- The description of a template is in its pages, so a new one makes what is known of the templates old.
DROP TRIGGER _wce_bump_templates_update;
CREATE TRIGGER _wce_bump_templates_update
AFTER UPDATE OF id, name, title, description, syntax, content, published, access, run_as, modified_by ON _wce_templates
BEGIN UPDATE _wce_state SET templates = templates + 1; END;

-- Pages that were made when their template was saved may have links that leave the cenv, and others may tell an older time.
UPDATE _wce_templates SET rendered = NULL WHERE syntax = 'markdown';
DELETE FROM _wce_page_cache;
