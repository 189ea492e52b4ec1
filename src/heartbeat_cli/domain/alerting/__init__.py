"""What an alert is, who hears of it, when, and how a message is written."""
