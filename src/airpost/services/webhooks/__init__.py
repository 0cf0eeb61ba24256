"""Events on their way to others: webhooks and commands."""
