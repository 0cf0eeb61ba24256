"""The durable store: the database is the queue."""
