"""What an alert is, which channels it goes to and when, and how a message is written."""
