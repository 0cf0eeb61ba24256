-- Attempts.

-- name: end
UPDATE attempt SET ended_at = ?, mr = ?, outcome_class = ?, outcome_scope = ?, outcome_code = ?,
    outcome_text = ? WHERE id = ?
