"""The domain: messages, config, consent, rules, findings, breaches, incidents and escalation."""
