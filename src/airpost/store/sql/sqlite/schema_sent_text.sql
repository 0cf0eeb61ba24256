-- A text that goes out in other letters than it was given in.

ALTER TABLE message ADD COLUMN sent_body INTEGER; -- NULL: it goes out as it was given
