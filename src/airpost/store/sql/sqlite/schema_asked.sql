-- How a message was asked for, where that is not what it looks like: ports, flash and the like.

ALTER TABLE message ADD COLUMN asked TEXT; -- a JSON object of the caller's fields; NULL: none
