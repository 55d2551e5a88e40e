-- The device that signs in with a secret of its own; NULL for the line's own secrets.
ALTER TABLE digest_secret ADD COLUMN device TEXT;
-- The device that a registration is of; NULL when none is known.
ALTER TABLE binding ADD COLUMN device TEXT;
