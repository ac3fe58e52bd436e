"""What people and scripts read: one view of a night, rendered as text, JSON, CSV and plots."""
