-- How rows are summed up says what the sum is good for: telling releases apart, not keeping forgers out.

COMMENT ON COLUMN :"ml".releases.checksum IS
    'xxh3_128 of the rows as they were loaded; of older releases their SHA-256, which is twice as long.';
