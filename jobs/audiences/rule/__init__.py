"""What a rule of an audience may say of a user's behaviour, and whether it holds: see docs/rules.md."""
