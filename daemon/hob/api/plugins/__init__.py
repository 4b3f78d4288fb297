"""Plugins, their actions and their tools."""
