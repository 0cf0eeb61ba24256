"""One modem: port, session, driver, sending, receiving, life cycle."""
