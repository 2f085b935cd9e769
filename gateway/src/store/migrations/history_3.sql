-- What each minute of a slot says, where a slot has many readings; none in slots that an older gateway has packed.
ALTER TABLE blocks ADD COLUMN minutes BLOB;
