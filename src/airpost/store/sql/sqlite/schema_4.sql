-- How grave an event is; NULL: nothing to look at.
ALTER TABLE event ADD COLUMN severity TEXT CHECK (severity IN {Severity});
