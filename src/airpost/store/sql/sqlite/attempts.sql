-- Attempts.

-- name: end
UPDATE attempt SET ended_at = ?, mr = ifnull(?, mr), outcome_class = ?, outcome_scope = ?, outcome_code = ?,
    outcome_text = ? WHERE id = ?

-- name: end_open
UPDATE attempt SET ended_at = ?, mr = ifnull(?, mr), outcome_class = ?, outcome_scope = ?, outcome_code = ?,
    outcome_text = ? WHERE id = ? AND ended_at IS NULL
