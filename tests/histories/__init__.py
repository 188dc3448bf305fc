"""Histories: what clients asked and were answered while parts failed, and a checker that finds broken promises."""
