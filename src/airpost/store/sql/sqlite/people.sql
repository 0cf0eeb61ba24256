-- Contacts and groups; a group is a row of `people`.

-- name: count_contacts
SELECT count(*) FROM contact WHERE owner = ?

-- name: put_contact
INSERT INTO contact (owner, key, name, number, note, given, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (owner, key) DO UPDATE SET name = excluded.name, number = excluded.number,
    note = excluded.note, given = excluded.given, updated_at = excluded.updated_at

-- name: remove_contact
DELETE FROM contact WHERE owner = ? AND key = ?

-- name: contact
SELECT owner, name, number, note, given, updated_at FROM contact WHERE owner = ? AND key = ?

-- name: contacts
SELECT owner, name, number, note, given, updated_at FROM contact
WHERE owner = ? AND key > ? ORDER BY key LIMIT ?

-- name: all_contacts
SELECT owner, name, number, note, given, updated_at FROM contact
WHERE (owner, key) > (?, ?) ORDER BY owner, key LIMIT ?

-- name: count_groups
SELECT count(*) FROM people WHERE owner = ?

-- name: put_group
INSERT INTO people (owner, key, name, note, updated_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (owner, key) DO UPDATE SET name = excluded.name, note = excluded.note,
    updated_at = excluded.updated_at

-- name: drop_members
DELETE FROM member WHERE owner = ? AND people = ?

-- name: put_member
INSERT INTO member (owner, people, place, contact, number) VALUES (?, ?, ?, ?, ?)

-- name: remove_group
DELETE FROM people WHERE owner = ? AND key = ?

-- name: group
SELECT owner, key, name, note, updated_at FROM people WHERE owner = ? AND key = ?

-- name: groups
SELECT owner, key, name, note, updated_at FROM people
WHERE owner = ? AND key > ? ORDER BY key LIMIT ?

-- name: all_groups
SELECT owner, key, name, note, updated_at FROM people
WHERE (owner, key) > (?, ?) ORDER BY owner, key LIMIT ?

-- name: members
SELECT contact.name, member.number
FROM member LEFT JOIN contact ON contact.owner = member.owner AND contact.key = member.contact
WHERE member.owner = ? AND member.people = ? ORDER BY member.place

-- name: reached
SELECT member.number, contact.owner, contact.name, contact.number, contact.note, contact.given,
    contact.updated_at
FROM member LEFT JOIN contact ON contact.owner = member.owner AND contact.key = member.contact
WHERE member.owner = ? AND member.people = ? ORDER BY member.place

-- name: forget_contacts
DELETE FROM contact WHERE number = ?

-- name: forget_members
DELETE FROM member WHERE number = ?
