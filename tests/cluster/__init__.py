"""On a real cluster: its histories, its recipe, and every verb through its pooler."""
