CREATE TABLE question (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

CREATE TABLE choice (id INTEGER PRIMARY KEY, question_id INTEGER NOT NULL REFERENCES question, text TEXT NOT NULL);

CREATE TABLE answer (
  respondent TEXT NOT NULL,
  question_id INTEGER NOT NULL REFERENCES question,
  choice_id INTEGER NOT NULL REFERENCES choice,
  at INTEGER NOT NULL DEFAULT (unixepoch()),
  PRIMARY KEY (respondent, question_id)
);

CREATE INDEX answer_by_choice ON answer (choice_id);

INSERT INTO question VALUES (1, 'How did you hear of us?'), (2, 'Would you come again?');

INSERT INTO choice VALUES (1, 1, 'A friend'), (2, 1, 'A search'), (3, 1, 'Somewhere else'), (4, 2, 'Yes'), (5, 2, 'No');
