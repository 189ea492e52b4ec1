"""Figures over time: availability, quantiles, trends, the board."""
