-- What functions/live_release needs to know that its snapshot is not of today.

CREATE SEQUENCE :"meta".newest_move MINVALUE 0 START WITH 0;
COMMENT ON SEQUENCE :"meta".newest_move IS
'Starts with the newest move_id of live_history: catalogs, unlike tables, are read as they are now in every snapshot.';

CREATE INDEX ON :"meta".live_history (move_id);
