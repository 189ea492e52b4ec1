"""`report`: collect a period's figures."""
