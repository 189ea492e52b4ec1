"""Buttons under messages: collect what people pressed, and carry it out once."""
